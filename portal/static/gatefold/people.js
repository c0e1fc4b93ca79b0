// A button that copies what stands in another element: links of invitations, tokens, recovery codes.
"use strict";
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.innerText.trim());
    window.gatefold.say(button.dataset.wordsCopied);
    button.lastChild.textContent = button.dataset.wordsCopied;
  } catch {
    getSelection().selectAllChildren(source); // no clipboard here: it is marked, ready for the keyboard
  }
});
