// Hints from the portal: "something about this cluster changed". The page then fetches the fragment itself.
// Fragments also poll slowly by themselves (hx-trigger), so a lost socket costs speed and never truth.
"use strict";
(() => {
  const STALE_MS = 75000;
  const SLEPT_MS = 15000;
  const FAILURES = 3;
  const NOT_LOGGED_IN = 4401;
  const EVERYTHING = ["status", "settings", "jobs", "answers", "alerts", "access"];
  const body = document.body;
  const sign = document.querySelector("[data-live-sign]");
  const lost = document.querySelector("[data-lost-news]");
  const gone = document.querySelector("[data-gone]");
  let socket = null;
  let wait = 500;
  let failures = 0;
  let lastNews = Date.now();
  let lastTick = Date.now();
  let due = new Set();
  let batch = null;
  let timer = 0;
  let redial = 0;

  function show(state) {
    if (body.dataset.live === "gone") return;
    body.dataset.live = state;
    if (sign) {
      const shown = state === "gone" ? "lost" : state;
      sign.dataset.live = shown;
      sign.textContent = sign.dataset[`words${shown[0].toUpperCase()}${shown.slice(1)}`];
    }
    if (lost) lost.hidden = state !== "lost";
    if (gone) gone.hidden = state !== "gone";
  }

  function fetchDue() {
    timer = 0;
    batch = new Set();
    for (const about of due) body.dispatchEvent(new CustomEvent(`gatefold:${about}`));
    batch = null;
    due = new Set();
  }

  function hint(about) {
    due.add(about);
    // Spread over a moment: many browsers get the same hint at once.
    if (!timer) timer = setTimeout(fetchDue, 60 + Math.random() * 240);
  }

  // To the login page, and back here afterwards. Forms may keep what was typed before that.
  function leave() {
    body.dispatchEvent(new CustomEvent("gatefold:leaving"));
    location.reload();
  }

  function lookAgain() { EVERYTHING.forEach(hint); }

  function concerns(message) {
    const here = body.querySelector("[data-cluster]");
    return !here || !message.cluster || here.dataset.cluster === message.cluster;
  }

  // Each socket has its own listeners: one that was given up says nothing any more.
  function connect() {
    clearTimeout(redial);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}${body.dataset.liveUrl}`);
    socket = mine;
    mine.onopen = () => {
      if (socket !== mine) return;
      wait = 500;
      failures = 0;
      lastNews = Date.now();
      show("live");
      lookAgain();
    };
    mine.onmessage = (event) => {
      if (socket !== mine) return;
      const message = JSON.parse(event.data);
      lastNews = Date.now();
      if (message.about === "access") lookAgain();
      else if (message.about && concerns(message)) hint(message.about);
    };
    mine.onclose = (event) => {
      if (socket !== mine) return;
      // The session has ended: this address leads to the login page, and back here afterwards.
      if (event.code === NOT_LOGGED_IN) { leave(); return; }
      failures += 1;
      if (body.dataset.live === "live") show("waiting");
      if (failures > FAILURES && Date.now() - lastNews > 1000 * FAILURES) show("lost");
      redial = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 30000);
    };
  }

  // After sleep, or in another network, a socket may look open and be dead.
  function reconnect() {
    if (!body.dataset.liveUrl) return;
    const old = socket;
    socket = null;
    if (old) old.close();
    wait = 500;
    if (body.dataset.live === "live") show("waiting");
    connect();
  }

  function age(element) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(element.dateTime)) / 1000));
    const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { style: "long", numeric: "always" });
    if (seconds < 60) return format.format(-seconds, "second");
    if (seconds < 3600) return format.format(-Math.floor(seconds / 60), "minute");
    if (seconds < 86400) return format.format(-Math.floor(seconds / 3600), "hour");
    return format.format(-Math.floor(seconds / 86400), "day");
  }

  function left(element) {
    const seconds = Math.round((Date.parse(element.dateTime) - Date.now()) / 1000);
    const format = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { style: "long", numeric: "always" });
    if (seconds < 120) return format.format(Math.max(0, seconds), "second");
    if (seconds < 7200) return format.format(Math.round(seconds / 60), "minute");
    if (seconds < 172800) return format.format(Math.round(seconds / 3600), "hour");
    return format.format(Math.round(seconds / 86400), "day");
  }

  function tick() {
    const now = Date.now();
    const slept = now - lastTick > SLEPT_MS;
    lastTick = now;
    document.querySelectorAll("time.until").forEach((element) => {
      const text = left(element);
      if (element.textContent !== text) element.textContent = text;
    });
    document.querySelectorAll("time.age").forEach((element) => {
      const text = age(element);
      if (element.textContent !== text) element.textContent = text;
    });
    if (!body.dataset.liveUrl) return;
    if (slept) reconnect();
    else if (now - lastNews > STALE_MS) show("lost");
  }

  // A part that listens to several kinds of news fetches itself once for all that came together.
  body.addEventListener("htmx:confirm", (event) => {
    if (!batch) return;
    if (batch.has(event.target)) event.preventDefault();
    batch.add(event.target);
  });
  body.addEventListener("htmx:beforeRequest", (event) => {
    if (body.dataset.live === "gone" && event.target.closest("[data-live-part]")) event.preventDefault();
  });
  body.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    lastNews = Date.now();
    if (body.dataset.live === "lost") show(socket && socket.readyState === WebSocket.OPEN ? "live" : "waiting");
  });
  body.addEventListener("htmx:responseError", (event) => {
    // The cluster, the machine or the right to see it went away under the open page.
    if ([403, 404].includes(event.detail.xhr.status) && event.target.closest("[data-live-part]")) show("gone");
  });
  // What the address points to stays marked when the part around it has come anew, and the page where it was.
  function mark() {
    if (location.hash.length < 2 || document.querySelector(":target")) return;
    const [left, top] = [scrollX, scrollY];
    location.replace(location.hash);
    scrollTo(left, top);
  }

  body.addEventListener("htmx:afterSwap", tick);
  body.addEventListener("htmx:afterSettle", mark);
  body.addEventListener("htmx:beforeSwap", (event) => {
    // The session has ended: fragments are answered by the login page, which must not land inside this one.
    if (event.detail.xhr.responseURL.includes("/login/")) {
      event.detail.shouldSwap = false;
      leave();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    tick();
    lookAgain();
  });
  window.addEventListener("online", reconnect);
  window.addEventListener("pageshow", (event) => { if (event.persisted) reconnect(); });
  if (body.dataset.liveUrl) connect();
  tick();
  setInterval(tick, 1000);
})();
