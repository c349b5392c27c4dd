"""Tables for notebooks."""

from collections.abc import Iterable, Sequence
from html import escape


def shown(value: object) -> str:
    """A value as text: numbers with a sensible number of digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name}={shown(part)}" for name, part in value.items())
    return str(value)


def table(header: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """The rows under their header; numbers stand to the right. All text is escaped."""
    lines = ["<table>"]
    if caption:
        lines.append(f"<caption style='text-align:left'>{escape(caption)}</caption>")
    names = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines.append(f"<thead><tr>{names}</tr></thead><tbody>")
    for row in rows:
        lines.append(f"<tr>{''.join(map(_cell, row))}</tr>")
    lines.append("</tbody></table>")
    return "\n".join(lines)


def _cell(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    align = "right" if is_number else "left"
    return f"<td style='text-align:{align}'>{escape(shown(value))}</td>"
