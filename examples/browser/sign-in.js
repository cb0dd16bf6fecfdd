// The forms by which people sign in.
import { authUrl, serviceUrl } from "./config.js";
import * as session from "./session.js";
import { connect } from "./send.js";

const entrance = document.getElementById("entrance");
const byPassword = document.getElementById("by-password");
const byToken = document.getElementById("by-token");

/** Resolves when somebody has signed in. */
export function askToSignIn(message = "") {
  entrance.hidden = false;
  document.getElementById("why").textContent = message;
  byPassword.hidden = !authUrl;
  document.getElementById("token").open = !authUrl;
  return new Promise((resolve) => {
    const handle = (form, enter) =>
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (await enters(form, enter)) resolve();
      });
    handle(byPassword, ({ what, ...person }) => session.enter(what, person));
    handle(byToken, ({ token }) => session.useToken(token.trim()));
  });
}

/** Whether what the form says is good enough to enter; if not, it shows why. */
async function enters(form, enter) {
  const said = Object.fromEntries(new FormData(form));
  const error = form.querySelector(".error");
  error.textContent = "";
  form.inert = true;
  try {
    await enter(said);
    const send = connect(serviceUrl, session.getToken, 1); // once will do: somebody waits
    const account = await send("GET", "/api/account");
    const names = [account.name, account.email, said.name, said.email, account.user_id];
    session.remember({ id: account.user_id, name: names.find(Boolean) });
    return true;
  } catch ({ status, message }) {
    error.textContent = status ? message : "The server cannot be reached.";
    session.useToken("");
    return false;
  } finally {
    form.inert = false;
  }
}

byPassword.addEventListener("change", () => {
  const isNew = byPassword.elements.what.value === "sign-up";
  byPassword.elements.name.closest("label").hidden = !isNew;
  byPassword.elements.name.disabled = !isNew;
  byPassword.elements.password.autocomplete = isNew ? "new-password" : "current-password";
});
