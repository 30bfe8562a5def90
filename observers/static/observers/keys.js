/* Keyboard shortcuts. An element with data-key="x" and data-key-label="what it does" is used
   by pressing x (or the keys of a sequence, such as "g o", one after the other): a link is
   followed, a field gets the focus, a button is pressed. `?` lists the keys.

   Shortcuts are ignored in text fields, with Ctrl, Alt or Meta, and when switched off. */

(() => {
  "use strict";

  const SEQUENCE_MS = 1500;
  const STORED = "audit-portal-keys";
  const dialog = document.getElementById("keys");
  const opener = document.getElementById("keys-open");
  const toggle = document.getElementById("keys-on");
  let begun = "";
  let begunAt = 0;

  const switchedOn = () => {
    try {
      return localStorage.getItem(STORED) !== "off";
    } catch {
      return true; /* storage is forbidden: the keys work, the choice lasts as long as the page */
    }
  };
  let on = switchedOn();

  const visible = (element) =>
    element.checkVisibility ? element.checkVisibility({ visibilityProperty: true }) : element.getClientRects().length > 0;
  const usable = (element) => visible(element) && !element.disabled && !element.closest("dialog:not([open])");
  const keyed = () => [...document.querySelectorAll("[data-key]")].filter(usable);

  const types = (element) =>
    element.isContentEditable ||
    element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=reset])");

  const act = (element) => {
    if (types(element)) {
      element.focus();
      element.select?.();
    } else if (element.matches("summary")) {
      element.focus();
      element.click();
    } else if (element.matches("a, button, input")) {
      element.click();
    } else {
      element.focus();
    }
  };

  /* The lines of the page's listings: each is reached by its first link. */
  const lines = () =>
    [...document.querySelectorAll("main :is(table.listing, #result_list) tbody tr")].map((row) => row.querySelector("a[href]")).filter((link) => link && visible(link));

  const step = (by) => {
    const links = lines();
    if (links.length === 0) return;
    const here = document.activeElement.closest?.("tr");
    const at = links.findIndex((link) => link.closest("tr") === here);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
    links[next].focus();
  };

  const name = (key) => {
    const parts = key.split(" ").map((part) => {
      const box = document.createElement("kbd");
      box.textContent = part;
      return box;
    });
    return parts.flatMap((box, at) => (at === 0 ? [box] : [" then ", box]));
  };

  const entry = (list, key, label) => {
    const term = document.createElement("dt");
    term.append(...name(key));
    const text = document.createElement("dd");
    text.textContent = label;
    list.append(term, text);
  };

  const show = () => {
    const list = dialog.querySelector("dl");
    list.replaceChildren();
    const seen = new Set();
    for (const element of keyed()) {
      const key = element.dataset.key;
      if (seen.has(key)) continue;
      seen.add(key);
      entry(list, key, element.dataset.keyLabel || element.getAttribute("aria-label") || element.textContent.trim());
    }
    if (lines().length > 0) {
      if (!seen.has("j")) entry(list, "j", "Next line");
      if (!seen.has("k")) entry(list, "k", "Previous line");
    }
    entry(list, "?", "Keyboard shortcuts");
    toggle.checked = on;
    dialog.showModal();
  };

  const press = (key) => {
    const now = performance.now();
    const whole = begun && now - begunAt < SEQUENCE_MS ? `${begun} ${key}` : key;
    begun = "";
    const all = keyed();
    const found = all.find((element) => element.dataset.key === whole);
    if (found) {
      act(found);
      return true;
    }
    if (all.some((element) => element.dataset.key.startsWith(`${whole} `))) {
      begun = whole;
      begunAt = now;
      return true;
    }
    if (whole === "j" || whole === "k") {
      step(whole === "j" ? 1 : -1);
      return true;
    }
    return false;
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (types(target)) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (!on || event.key.length !== 1 || event.key === " ") return;
    if (event.key === "?" && dialog) show();
    else if (!press(event.key)) return;
    event.preventDefault();
  });

  /* Only single keys can be said in ARIA; a sequence is in the list alone. */
  for (const element of document.querySelectorAll("[data-key]")) {
    if (element.dataset.key.length === 1) element.setAttribute("aria-keyshortcuts", element.dataset.key);
  }

  if (dialog) {
    opener.hidden = false;
    opener.addEventListener("click", show);
    toggle.addEventListener("change", () => {
      on = toggle.checked;
      try {
        localStorage.setItem(STORED, on ? "on" : "off");
      } catch {
        /* as above */
      }
    });
  }
})();
