// What the book adds to the theme: rows to filter, two runs to compare, all code opened at once.
"use strict";

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const labelled = (text, field) => make("label", {}, `${text} `, field);

const options = (values) => values.map((value) => make("option", { value, textContent: value }));

/** A field for text and one for each column with choices above every table that asks for it. */
const addFilter = (figure) => {
  const rows = [...figure.querySelectorAll("tbody tr")];
  const heads = [...figure.querySelectorAll("thead th")];
  const text = make("input", { type: "search" });
  const choices = heads.flatMap((head, column) => {
    if (!("choice" in head.dataset)) return [];
    const values = [...new Set(rows.map((row) => row.cells[column].textContent))].sort();
    return [{ column, head, select: make("select", {}, make("option", { value: "", textContent: "–" }), ...options(values)) }];
  });
  const count = make("output", {});
  const apply = () => {
    const wanted = text.value.toLocaleLowerCase();
    for (const row of rows) {
      const fits = choices.every(({ column, select }) => !select.value || row.cells[column].textContent === select.value);
      row.hidden = !(fits && row.textContent.toLocaleLowerCase().includes(wanted));
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} / ${rows.length}`;
  };
  const fields = choices.map(({ head, select }) => labelled(head.textContent, select));
  const bar = make("div", { className: "filter" }, labelled(figure.dataset.filter, text), ...fields, count);
  bar.addEventListener("input", apply);
  figure.querySelector("figcaption").after(bar);
  apply();
};

/** Name and value of everything in a run's receipt, from its table on the page. */
const facts = (run) => new Map([...document.querySelectorAll(`#run-${CSS.escape(run)} tr`)].map((row) => [row.cells[0].textContent, row.cells[1].textContent]));

const addComparison = (place) => {
  const runs = [...document.querySelectorAll("details.receipt")].map((receipt) => receipt.id.slice("run-".length));
  if (runs.length < 2) return;
  const [first, second] = [make("select", {}, ...options(runs)), make("select", {}, ...options(runs))];
  second.selectedIndex = 1;
  const same = make("input", { type: "checkbox" });
  const body = make("tbody");
  const heads = [make("th", { scope: "col", textContent: place.dataset.value }), make("th", { scope: "col" }), make("th", { scope: "col" })];
  const show = () => {
    const [left, right] = [facts(first.value), facts(second.value)];
    heads[1].textContent = first.value;
    heads[2].textContent = second.value;
    const names = [...new Set([...left.keys(), ...right.keys()])];
    const rows = names.filter((name) => same.checked || left.get(name) !== right.get(name));
    body.replaceChildren(...rows.map((name) => make("tr", {},
      make("th", { scope: "row", textContent: name }),
      make("td", { textContent: left.get(name) ?? "–" }),
      make("td", { textContent: right.get(name) ?? "–" }))));
  };
  const bar = make("div", { className: "filter" }, labelled(place.dataset.first, first), labelled(place.dataset.second, second), make("label", {}, same, ` ${place.dataset.same}`));
  bar.addEventListener("input", show);
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
  const scroll = make("div", { className: "scroll", tabIndex: 0 }, table);
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", place.dataset.label);
  place.replaceChildren(bar, scroll);
  show();
};

const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
};

const addOpener = (facts) => {
  const code = [...document.querySelectorAll("details.code")];
  if (!code.length) return;
  const button = make("button", { type: "button", textContent: facts.dataset.open });
  button.addEventListener("click", () => {
    const opening = button.textContent === facts.dataset.open;
    code.forEach((details) => { details.open = opening; });
    button.textContent = opening ? facts.dataset.close : facts.dataset.open;
  });
  facts.append(" ", button);
};

document.querySelectorAll("figure[data-filter]").forEach(addFilter);
document.querySelectorAll("#comparison").forEach(addComparison);
document.querySelectorAll("p.facts").forEach(addOpener);
window.addEventListener("hashchange", openTarget);
openTarget();

// The theme leaves the link to the first page outside of all landmarks.
const home = document.querySelector("a.navbar-brand");
home?.parentElement.setAttribute("role", "navigation");
home?.parentElement.setAttribute("aria-label", home.textContent.trim());
