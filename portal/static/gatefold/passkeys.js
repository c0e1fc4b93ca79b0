// Says in words why a passkey was not used; without it the reason would stand on the console alone.
"use strict";
(() => {
  const words = document.currentScript.dataset;
  const trouble = document.querySelector("[data-passkey-trouble]");
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    const insecure = !window.isSecureContext || event.detail.exception.name === "SecurityError";
    trouble.lastElementChild.textContent = insecure ? words.wordsInsecure : words.wordsFailed;
    trouble.hidden = false;
  });
})();
