// A form whose sending ended at the login page, or nowhere, or whose page had to go there: what was typed is kept in
// this tab and offered again.
// Typed secrets are not kept.
"use strict";
(() => {
  const KEY = `kept:${location.pathname}`;
  const OLDEST = 12 * 3600 * 1000;
  const LEFT_OUT = "csrfmiddlewaretoken";

  function keep(form) {
    const secret = new Set([...form.querySelectorAll("input[type=password]")].map((field) => field.name));
    const fields = [...new FormData(form)].filter(([name]) => name !== LEFT_OUT && !secret.has(name));
    try { sessionStorage.setItem(KEY, JSON.stringify({ at: Date.now(), fields })); } catch { /* too long, or a private window */ }
  }

  function kept() {
    try {
      const found = JSON.parse(sessionStorage.getItem(KEY) || "null");
      return found && Date.now() - found.at < OLDEST ? found.fields : null;
    } catch { return null; }
  }

  function forget() {
    try { sessionStorage.removeItem(KEY); } catch { /* a private window keeps nothing */ }
  }

  // The portal has answered what was sent: with a message, or with what is wrong.
  const answered = document.querySelector(".messages, #problems");
  const note = document.querySelector("[data-kept]");
  const fields = kept();
  if (answered || !fields) forget();
  else if (note) {
    note.hidden = false;
    note.querySelector("[data-kept-drop]").addEventListener("click", () => { forget(); note.hidden = true; });
    note.querySelector("form").addEventListener("submit", (event) => {
      fields.forEach(([name, value]) => {
        const input = document.createElement("textarea");
        input.name = name;
        input.value = value;
        input.hidden = true;
        event.target.append(input);
      });
    });
  }
  const typed = (form) => JSON.stringify([...new FormData(form)].filter(([, value]) => typeof value === "string"));
  document.querySelectorAll("form.settings-form").forEach((form) => {
    const before = typed(form);
    form.addEventListener("submit", () => keep(form));
    // The session has ended while somebody typed: the page goes to the login by itself.
    document.body.addEventListener("gatefold:leaving", () => { if (typed(form) !== before) keep(form); });
  });
})();
