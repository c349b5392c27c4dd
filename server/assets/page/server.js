// Questions to the server. A failure is an answer too: it always has `detail` and `errors`.
import { t } from "./words.js";

/**
 * Asks and returns `{ok, status, answer, retryAfterS}`, and `mayAskAgain` if the server says so; never throws. A file is sent as it is; of an answer that is
 * lines of JSON, the first one is the answer, with the others as its `lines`.
 */
export async function ask(path, { body, file, key, signal } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (file !== undefined) headers["Content-Type"] = "application/octet-stream";
  if (key !== undefined) headers.Authorization = `Bearer ${key}`;
  const sent = file ?? (body && JSON.stringify(body));
  const method = sent === undefined ? "GET" : "POST";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: sent });
  } catch {
    return failed(0, t("failure.network"));
  }
  const { ok, status } = response;
  const mayAskAgain = response.headers.has("Retry-After");
  const retryAfterS = Number(response.headers.get("Retry-After")) || 1;
  try {
    const [answer, ...lines] = ok && file !== undefined ? jsonLines(await response.text()) : [await response.json()];
    return { ok, status, retryAfterS, mayAskAgain, answer: { errors: [], lines, ...answer } };
  } catch {
    return { ...failed(status, t("failure.unreadable", { status: String(status) })), retryAfterS };
  }
}

const jsonLines = (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

function failed(status, detail) {
  return { ok: false, status, retryAfterS: 1, answer: { detail, errors: [] } };
}
