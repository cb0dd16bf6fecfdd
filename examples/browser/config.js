// Where the todo service is, and the Better Auth server, if there is one. The Content-Security-Policy in
// index.html allows these two addresses as well.
export const serviceUrl = "http://localhost:8000";
export const authUrl = ""; // such as "http://localhost:3001"
