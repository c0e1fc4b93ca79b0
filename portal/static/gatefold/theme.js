// Runs before the first paint, so that a chosen theme does not flicker.
"use strict";
(() => {
  const chosen = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
