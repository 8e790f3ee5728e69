// SPDX-License-Identifier: GPL-3.0-or-later
// What the pages ask of the server: documents, changes by a token, and events.

const TOKEN = "lockkeeper-token";

export class Wrong extends Error {
	constructor(status, text) {
		super(text);
		this.status = status;
	}
}

export function token() {
	return sessionStorage.getItem(TOKEN) || "";
}

export function setToken(text) {
	if (text)
		sessionStorage.setItem(TOKEN, text);
	else
		sessionStorage.removeItem(TOKEN);
}

function query(members) {
	const all = new URLSearchParams();
	for (const [name, value] of Object.entries(members || {})) {
		if (value !== undefined && value !== null && value !== "")
			all.set(name, value);
	}
	const text = all.toString();
	return text ? "?" + text : "";
}

async function read(answer) {
	const text = await answer.text();
	let value = null;
	try {
		value = JSON.parse(text);
	} catch {
		value = null;
	}
	if (!answer.ok)
		throw new Wrong(answer.status, value?.error || `the server answered ${answer.status}`);
	return value;
}

export function url(path, members) {
	return path + query(members);
}

export async function get(path, members, signal) {
	return read(await fetch(url(path, members), { signal, cache: "no-store" }));
}

export async function getText(path, members) {
	const answer = await fetch(url(path, members), { cache: "no-store" });
	const text = await answer.text();
	if (!answer.ok)
		throw new Wrong(answer.status, text.startsWith("{") ? JSON.parse(text).error : text);
	return text;
}

function headers() {
	const all = { "X-Lockkeeper": "1" };
	if (token())
		all.Authorization = "Bearer " + token();
	return all;
}

export async function session() {
	return read(await fetch("/api/session", { headers: headers(), cache: "no-store" }));
}

export async function post(path, body) {
	return read(await fetch(path, {
		method: "POST",
		headers: { ...headers(), "Content-Type": "application/json" },
		body: JSON.stringify(body || {}),
	}));
}

// Calls heard[name](data) for each event; heard.lost() when some were missed, heard.line(open) when the
// connection goes or comes. A page that nobody sees does not listen: browsers have few connections to a server.
// Resolves when it listens or cannot: of what is fetched after that, no change is missed.
export function listen(heard) {
	let source = null, missed = false, begun = null;
	const first = new Promise((resolve) => { begun = resolve; });

	function open() {
		source = new EventSource("/api/events");
		for (const name of ["run", "board", "site", "what-if"])
			source.addEventListener(name, (event) => heard[name]?.(JSON.parse(event.data)));
		source.addEventListener("lost", () => heard.lost?.());
		source.onopen = () => {
			begun();
			heard.line?.(true);
			if (missed)
				heard.lost?.();
			missed = false;
		};
		source.onerror = () => {
			begun();
			heard.line?.(false);
		};
	}
	document.addEventListener("visibilitychange", () => {
		if (document.hidden && source) {
			source.close();
			source = null;
			missed = true;
		} else if (!document.hidden && !source) {
			open();
		}
	});
	open();
	return first;
}
