// SPDX-License-Identifier: GPL-3.0-or-later
// What pages are made of: elements, tables of the server's lists, menus, dialogs, words for numbers.

export function h(tag, members, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(members || {})) {
		if (value === undefined || value === null || value === false)
			continue;
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (name === "class")
			element.className = value;
		else if (name === "value")
			element.value = value;
		else
			element.setAttribute(name, value === true ? "" : value);
	}
	element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
	return element;
}

// Puts these in place of what an element holds; what is not there is left out.
export function fill(element, ...children) {
	element.replaceChildren(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
}

export function svg(tag, members, ...children) {
	const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [name, value] of Object.entries(members || {}))
		element.setAttribute(name, value);
	element.append(...children.flat(9).filter(Boolean));
	return element;
}

// ------------------------------------------------------------------ words

export function seconds(value) {
	if (value === null || value === undefined)
		return "–";
	if (value < 100)
		return `${value.toFixed(1)} s`;
	if (value < 120)
		return `${Math.round(value)} s`;
	if (value < 7200)
		return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
	return `${Math.floor(value / 3600)} h ${Math.round(value % 3600 / 60)} min`;
}

export function milliseconds(value) {
	if (value === null || value === undefined)
		return "–";
	return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`;
}

export function bytes(value) {
	const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0;
	if (value === null || value === undefined)
		return "–";
	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
}

export function range(values, words) {
	return [words(values.p50), h("span", { class: "soft" }, ` (${words(values.p10)} – ${words(values.p90)})`)];
}

export function count(number, one, many) {
	return `${number.toLocaleString("en")} ${number === 1 ? one : many || one + "s"}`;
}

export function moment(unix) {
	return unix ? new Date(unix * 1000).toLocaleString() : "–";
}

// ------------------------------------------------------------------ small parts

const SIGNS = { good: "✓", warn: "!", bad: "✕", busy: "…" };

export function badge(text, kind) {
	return h("span", { class: `badge ${kind || ""}` },
		SIGNS[kind] && h("span", { "aria-hidden": "true" }, SIGNS[kind]), text);
}

export function meter(share, text) {
	const fill = h("span");
	fill.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
	return h("span", { class: "gauge" }, h("span", { class: "meter", "aria-hidden": "true" }, fill), text);
}

export function say(text) {
	const line = h("div", {}, text);
	document.getElementById("status").append(line);
	setTimeout(() => line.remove(), 6000);
}

export function note(kind, ...children) {
	return h("div", { class: `note ${kind || ""}` }, ...children);
}

export function facts(rows) {
	return h("dl", { class: "facts" }, rows.filter(Boolean).map(([name, ...value]) => [h("dt", {}, name), h("dd", {}, ...value)]));
}

export function head(title, ...actions) {
	return h("div", { class: "head" }, h("h1", {}, title), h("div", { class: "actions" }, ...actions));
}

// ------------------------------------------------------------------ a menu

// items: [label, action]; a button that opens them, by mouse and keys.
export function menu(label, about, items) {
	const list = h("div", { role: "menu", "aria-label": about, class: "hidden" });
	const button = h("button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `${label}: ${about}` }, label, h("span", { "aria-hidden": "true" }, "▾"));
	const place = h("div", { class: "menu" }, button, list);
	const all = items.map(([text, action]) => h("button", {
		type: "button", role: "menuitem", tabindex: "-1",
		onclick: () => {
			close(true);
			action();
		},
	}, text));
	list.append(...all);

	function close(focus) {
		list.classList.add("hidden");
		button.setAttribute("aria-expanded", "false");
		document.removeEventListener("pointerdown", outside);
		if (focus)
			button.focus();
	}
	function outside(event) {
		if (!place.contains(event.target))
			close(false);
	}
	function open(index) {
		list.classList.remove("hidden");
		button.setAttribute("aria-expanded", "true");
		document.addEventListener("pointerdown", outside);
		all.at(index).focus();
	}
	button.addEventListener("click", () => list.classList.contains("hidden") ? open(0) : close(true));
	button.addEventListener("keydown", (event) => {
		if (event.key === "ArrowDown" || event.key === "ArrowUp") {
			event.preventDefault();
			open(event.key === "ArrowDown" ? 0 : -1);
		}
	});
	list.addEventListener("keydown", (event) => {
		const at = all.indexOf(document.activeElement);
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
		if (event.key === "Escape" || event.key === "Tab") {
			close(event.key === "Escape");
		} else if (to !== undefined) {
			event.preventDefault();
			all.at(to % all.length).focus();
		}
	});
	list.addEventListener("focusout", (event) => {
		if (event.relatedTarget && !place.contains(event.relatedTarget))
			close(false);
	});
	return place;
}

// ------------------------------------------------------------------ a dialog

let dialogs = 0;

// Shows it; content: elements of its body. confirm: {label, kind, action}: action may throw, its error is
// shown; it returns false to stay open. Returns the parts to work with.
export function dialog(title, content, confirm) {
	const id = `dialog-${++dialogs}`;
	const wrong = h("div", { role: "alert" });
	const yes = h("button", { type: "submit", class: confirm.kind || "primary" }, confirm.label);
	const no = h("button", { type: "button", onclick: () => box.close() }, confirm.cancel || "Cancel");
	const form = h("form", { method: "dialog" },
		h("div", { class: "dialog-head" }, h("h2", { id }, title)),
		h("div", { class: "dialog-body" }, content, wrong),
		h("div", { class: "dialog-foot" }, no, yes));
	const box = h("dialog", { "aria-labelledby": id }, form);

	form.addEventListener("submit", async (event) => {
		event.preventDefault();
		if (yes.disabled || yes.getAttribute("aria-disabled") === "true")
			return;
		yes.disabled = true;
		wrong.replaceChildren();
		try {
			if (await confirm.action() !== false)
				box.close();
		} catch (error) {
			wrong.replaceChildren(note("bad", error.message));
		}
		yes.disabled = false;
	});
	box.addEventListener("close", () => {
		confirm.closed?.();
		box.remove();
	});
	document.body.append(box);
	box.showModal();
	return { box, yes, wrong };
}

// ------------------------------------------------------------------ a table of one of the server's lists

function delay(work, ms) {
	let timer = 0;
	return () => {
		clearTimeout(timer);
		timer = setTimeout(work, ms);
	};
}

/*
 * columns: {name (of the sort; absent: not sorted by), label, number, wide, cell(row)}. load(members) fetches
 * {total, offset, [list]}. filters: elements with a `name`. ready: what its cells wait for. Returns {element, refresh}.
 */
export function listing({ caption, columns, list, load, filters = [], search, empty, start = {}, changed, ready }) {
	const state = { offset: 0, limit: 50, sort: start.sort || "", search: start.search || "" };
	const body = h("tbody");
	const headings = columns.map((column) => column.name
		? h("button", { type: "button", onclick: () => sortBy(column.name) }, column.label, h("span", { "aria-hidden": "true" }))
		: column.label);
	const cells = columns.map((column, i) => h("th", { scope: "col", class: column.number ? "number" : "" }, headings[i]));
	const table = h("table", { class: "cards" }, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, h("tr", {}, cells)), body);
	const where = h("span", { "aria-live": "polite" });
	const before = h("button", { type: "button", onclick: () => turn(-1) }, "Previous");
	const after = h("button", { type: "button", onclick: () => turn(1) }, "Next");
	const input = h("input", { type: "search", id: "search", value: state.search, placeholder: search, autocomplete: "off" });
	const element = h("div", {},
		h("div", { class: "filters" },
			h("div", {}, h("label", { for: "search" }, "Search"), input), filters),
		h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table),
		h("div", { class: "pager" }, before, after, where));
	let loading = null, total = 0, shown = "";

	function members() {
		const all = { ...state };
		for (const filter of filters) {
			const field = filter.querySelector("select, input");
			all[field.name] = field.value;
		}
		return all;
	}
	function sortBy(name) {
		state.sort = state.sort === name ? "-" + name : name;
		state.offset = 0;
		refresh();
	}
	function turn(pages) {
		state.offset = Math.max(0, state.offset + pages * state.limit);
		refresh();
	}
	function mark() {
		columns.forEach((column, i) => {
			const up = state.sort === column.name, down = state.sort === "-" + column.name;
			const sorted = column.name && (up || down);
			if (sorted)
				cells[i].setAttribute("aria-sort", up ? "ascending" : "descending");
			else
				cells[i].removeAttribute("aria-sort");
			if (column.name)
				headings[i].lastChild.textContent = sorted ? (up ? " ▲" : " ▼") : "";
		});
	}
	function show(answer) {
		const rows = answer[list];
		const focused = document.activeElement?.closest?.("tr")?.dataset.key;
		const text = JSON.stringify([rows, state, answer.total]);
		if (body.querySelector("[aria-expanded='true']"))
			return; // a menu that is open is not taken away from under the hand
		if (text === shown)
			return;
		shown = text;
		total = answer.total;
		body.replaceChildren(...rows.map((row) => h("tr", { "data-key": row.name ?? row.id }, columns.map((column) =>
			h("td", { class: [column.number && "number", column.wide && "wide", column.class].filter(Boolean).join(" "), "data-label": column.label },
				column.cell(row))))));
		if (rows.length === 0)
			body.replaceChildren(h("tr", {}, h("td", { colspan: columns.length, class: "wide" }, empty || "There are none.")));
		if (focused)
			body.querySelector(`tr[data-key="${CSS.escape(focused)}"] button, tr[data-key="${CSS.escape(focused)}"] a`)?.focus();
		where.textContent = rows.length ? `${answer.offset + 1}–${answer.offset + rows.length} of ${total.toLocaleString("en")}` : "";
		before.disabled = state.offset === 0;
		after.disabled = state.offset + rows.length >= total;
		mark();
	}
	async function refresh() {
		loading?.abort();
		const mine = loading = new AbortController();
		try {
			const [answer] = await Promise.all([load(members(), mine.signal), ready]);
			if (mine === loading)
				show(answer);
			changed?.(members(), answer);
		} catch (error) {
			if (error.name !== "AbortError")
				say(error.message);
		}
	}
	input.addEventListener("input", delay(() => {
		state.search = input.value;
		state.offset = 0;
		refresh();
	}, 150));
	for (const filter of filters)
		filter.addEventListener("change", () => {
			state.offset = 0;
			refresh();
		});
	refresh();
	return { element, refresh };
}

export function choice(label, name, options, value) {
	const id = `filter-${name}`;
	return h("div", {}, h("label", { for: id }, label),
		h("select", { id, name }, options.map(([word, text]) => h("option", { value: word, selected: word === value }, text))));
}
