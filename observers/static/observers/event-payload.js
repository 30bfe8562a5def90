/* Searches, folds and unfolds the payload tree, which also works without JavaScript.

   Invariant: the text of the payload is never changed. */

const tree = document.getElementById("tree");
const tools = document.getElementById("tree-tools");

if (tree && tools) {
  const search = document.getElementById("tree-search");
  const found = document.getElementById("tree-found");
  const next = document.getElementById("tree-next");
  const names = "li > :is(.json-key, .json-string, .json-number, .json-word), summary > .json-key";
  let matches = [];
  let here = -1;

  tools.hidden = false;
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(), go();
  });
  next.addEventListener("click", go);
  document.getElementById("tree-unfold").addEventListener("click", () => fold(true));
  document.getElementById("tree-fold").addEventListener("click", () => fold(false));

  function find() {
    const wanted = search.value.trim().toLowerCase();
    for (const each of tree.querySelectorAll(".match")) each.classList.remove("match", "match-here");
    matches = wanted
      ? [...tree.querySelectorAll(names)].filter((each) => each.textContent.toLowerCase().includes(wanted))
      : [];
    here = -1;
    for (const each of matches) {
      each.classList.add("match");
      reveal(each);
    }
    next.disabled = matches.length === 0;
    found.textContent = !wanted ? "" : matches.length ? `${matches.length} found` : "Nothing found";
  }

  /** Goes to the next match; after the last, to the first. */
  function go() {
    if (!matches.length) return;
    matches[here]?.classList.remove("match-here");
    here = (here + 1) % matches.length;
    reveal(matches[here]);
    matches[here].classList.add("match-here");
    matches[here].scrollIntoView({ block: "nearest" });
    found.textContent = `${here + 1} of ${matches.length}`;
  }

  /** Unfolds everything that contains a match. */
  function reveal(element) {
    let folder = element.closest("li").parentElement.closest("details");
    for (; folder; folder = folder.parentElement.closest("details")) folder.open = true;
  }

  function fold(open) {
    for (const each of tree.querySelectorAll("details")) each.open = open;
  }
}
