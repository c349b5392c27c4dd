// Faults of a form, each at its field.
import { byId, element } from "./elements.js";

/** Removes all that is shown. */
export function clearFaults(form) {
  for (const place of form.querySelectorAll(".error")) place.replaceChildren();
  for (const field of form.querySelectorAll("[data-field]")) mark(field, false);
}

/**
 * Shows what is wrong at each field, and in the form's general place what belongs to none; goes to the first.
 * A fault is `{field, message, actions?}`; actions are elements that mend it.
 */
export function showFaults(form, faults) {
  clearFaults(form);
  for (const { field, message, actions = [] } of faults) {
    const place = form.querySelector(`[data-field="${CSS.escape(field ?? "")}"]`);
    if (place) mark(place, true);
    (place?.querySelector(".error") ?? byId("general")).append(element("p", {}, message), ...actions);
  }
  const first = form.querySelector(".invalid");
  for (const field of form.querySelectorAll("details .invalid")) field.closest("details").open = true;
  first?.querySelector("input:checked, input, select, textarea")?.focus();
}

function mark(field, isInvalid) {
  field.classList.toggle("invalid", isInvalid);
  const control = field.matches("fieldset") ? field : field.querySelector("input, select, textarea");
  if (isInvalid) control?.setAttribute("aria-invalid", "true");
  else control?.removeAttribute("aria-invalid");
}

/** The field that a JSON pointer such as `/carat` names. */
export const fieldOf = (pointer) => pointer?.split("/")[1] || undefined;
