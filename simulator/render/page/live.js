"use strict";
(() => {
  const version = document.body.dataset.version;
  if (!version) return;
  setInterval(async () => {
    try {
      const answer = await fetch("/version", { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== version) location.reload();
    } catch { /* the server is gone: the page stays as it is */ }
  }, 400);
})();
