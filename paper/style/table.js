// Search, filters and sorting for a table of evidence. Without this script the page shows all rows in the order of the file.
"use strict";

const FACETS = { province: "Province", official: "Source official", passes: "Passes" };

function control(name, label, input) {
  const box = document.createElement("label");
  box.append(label + " ", input);
  input.name = name;
  return box;
}

function choice(values) {
  const list = document.createElement("select");
  list.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
  return list;
}

// Numbers by size, all else in the order of words; empty cells last, up (sign 1) and down (sign -1).
const words = new Intl.Collator(document.documentElement.lang, { numeric: true });
function compare(one, other, sign) {
  if (!one || !other) return (one ? 0 : 1) - (other ? 0 : 1);
  const numbers = [Number(one), Number(other)];
  return sign * (numbers.some(Number.isNaN) ? words.compare(one, other) : numbers[0] - numbers[1]);
}

function sortable(head, column, body, rows) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    rows.sort((one, other) => compare(one.texts[column], other.texts[column], sign));
    body.append(...rows.map((row) => row.element));
  });
}

function enhance(table) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (element) => {
    const texts = Array.from(element.cells, (cell) => cell.textContent.trim());
    return { element, texts, all: texts.join("\n").toLowerCase() };
  });
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => sortable(head, column, body, rows));

  const form = document.createElement("form");
  const search = document.createElement("input");
  search.type = "search";
  const told = document.createElement("output");
  form.className = "controls";
  form.append(control("search", "Search", search));
  const chosen = [];
  for (const [name, label] of Object.entries(FACETS)) {
    const values = [...new Set(rows.map((row) => row.element.dataset[name]).filter(Boolean))].sort();
    if (values.length < 2) continue;
    const list = choice(values);
    chosen.push([name, list]);
    form.append(control(name, label, list));
  }
  form.append(told);

  function show() {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const kept = row.all.includes(wanted) && chosen.every(([name, list]) => !list.value || row.element.dataset[name] === list.value);
      row.element.hidden = !kept;
      count += kept;
    }
    told.value = `${count} of ${rows.length} rows`;
  }
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  table.closest(".rows").before(form);
  show();
}

document.querySelectorAll("table[data-rows]").forEach(enhance);
