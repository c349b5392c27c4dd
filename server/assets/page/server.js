// Questions to the server. A failure is an answer too: it always has `detail` and `errors`.
import { t } from "./words.js";

/** Asks and returns `{ok, status, answer, retryAfterS}`; never throws. */
export async function ask(path, { body, key, signal } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== undefined) headers.Authorization = `Bearer ${key}`;
  const method = body === undefined ? "GET" : "POST";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch {
    return failed(0, t("failure.network"));
  }
  const { ok, status } = response;
  const retryAfterS = Number(response.headers.get("Retry-After")) || 1;
  try {
    const answer = await response.json();
    return { ok, status, retryAfterS, answer: { errors: [], ...answer } };
  } catch {
    return { ...failed(status, t("failure.unreadable", { status: String(status) })), retryAfterS };
  }
}

function failed(status, detail) {
  return { ok: false, status, retryAfterS: 1, answer: { detail, errors: [] } };
}
