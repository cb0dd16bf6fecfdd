// As many processes as the others have, by Node's own cluster.

import cluster from 'node:cluster'

import { createApp } from './app.js'

const { BETTER_AUTH_SECRET: secret, DATABASE_URL: database, PORT: port, WEB_CONCURRENCY: workers } = process.env

if (cluster.isPrimary) {
  for (let started = 0; started < workers; started++) cluster.fork()
} else {
  await createApp({ secret, database }).listen({ host: '127.0.0.1', port })
}
