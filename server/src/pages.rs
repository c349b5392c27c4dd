//! The pages of the shop: value a stone, value a file, look after the models, print a certificate. Plain HTML,
//! CSS and JavaScript, compiled in; all texts stand in `assets/page/en.json`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use xtream_core::diamond::{Field, labels};

use crate::problem::Problem;
use crate::static_file::{HTML, StaticFile};

/// Scripts and styles come from this server alone, and it alone is asked; none stand in the pages themselves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FRAME: &str = include_str!("../assets/page/frame.html");

/// A language. Another one is another such file, and a choice of one of them.
const ENGLISH: &str = include_str!("../assets/page/en.json");

/// Each page's address, its name, which its script has too, and its content.
const CONTENTS: &[(&str, &str, &str)] = &[
    ("/", "counter", include_str!("../assets/page/counter.html")),
    ("/batch", "batch", include_str!("../assets/page/batch.html")),
    ("/models", "models", include_str!("../assets/page/models.html")),
    ("/certificate", "certificate", include_str!("../assets/page/certificate.html")),
];

const STYLE: (&str, &str) = ("page.css", include_str!("../assets/page/page.css"));

const SCRIPTS: &[(&str, &str)] = &[
    ("batch.js", include_str!("../assets/page/batch.js")),
    ("certificate.js", include_str!("../assets/page/certificate.js")),
    ("chart.js", include_str!("../assets/page/chart.js")),
    ("comparables.js", include_str!("../assets/page/comparables.js")),
    ("counter.js", include_str!("../assets/page/counter.js")),
    ("csv.js", include_str!("../assets/page/csv.js")),
    ("elements.js", include_str!("../assets/page/elements.js")),
    ("faults.js", include_str!("../assets/page/faults.js")),
    ("history.js", include_str!("../assets/page/history.js")),
    ("models.js", include_str!("../assets/page/models.js")),
    ("preview.js", include_str!("../assets/page/preview.js")),
    ("reasons.js", include_str!("../assets/page/reasons.js")),
    ("server.js", include_str!("../assets/page/server.js")),
    ("texts.js", concat!("export default ", include_str!("../assets/page/en.json"))),
    ("valuation.js", include_str!("../assets/page/valuation.js")),
    ("words.js", include_str!("../assets/page/words.js")),
];

/// The pages with their texts, by their addresses.
static PAGES: LazyLock<BTreeMap<&str, StaticFile>> = LazyLock::new(|| {
    let page = |(path, name, content): &(_, &str, &str)| {
        (*path, StaticFile::new(HTML, POLICY, filled(name, content)))
    };
    CONTENTS.iter().map(page).collect()
});

/// What the pages consist of.
static FILES: LazyLock<BTreeMap<&str, StaticFile>> = LazyLock::new(|| {
    let file = |content_type| {
        move |(name, content): &(&'static str, &'static str)| {
            (*name, StaticFile::new(content_type, POLICY, *content))
        }
    };
    let scripts = SCRIPTS.iter().map(file("text/javascript; charset=utf-8"));
    scripts.chain([&STYLE].map(file("text/css; charset=utf-8"))).collect()
});

/// Where the pages are.
pub(crate) fn addresses() -> impl Iterator<Item = &'static str> {
    CONTENTS.iter().map(|(path, ..)| *path)
}

/// The page at the address that is asked for.
pub(crate) async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    found(&PAGES, &request.match_pattern().unwrap_or_default(), &request).await
}

/// `GET /page/{file}`
pub(crate) async fn file(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, Problem> {
    found(&FILES, &file, &request).await
}

async fn found(
    all: &BTreeMap<&str, StaticFile>,
    name: &str,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let page = all.get(name).ok_or_else(|| Problem::unknown_route(request.path()))?;
    Ok(page.answer(request).await)
}

/// The page's content in the frame, and the text of each name in double braces.
fn filled(name: &str, content: &str) -> String {
    let texts: BTreeMap<String, String> = serde_json::from_str(ENGLISH).unwrap_or_default();
    let mut page = FRAME.replace("{{main}}", content).replace("{{page}}", name);
    page = page.replace("{{title}}", &format!("{{{{{name}.title}}}}"));
    for (_, other, _) in CONTENTS {
        let current = if *other == name { "aria-current=\"page\"" } else { "" };
        page = page.replace(&format!("{{{{current.{other}}}}}"), current);
    }
    for field in Field::GRADES {
        page = page.replace(&format!("{{{{choices.{field}}}}}"), &choices(field));
    }
    for (key, text) in texts {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        page = page.replace(&format!("{{{{{key}}}}}"), &text);
    }
    page
}

/// A button for each grade, the best first. Cuts alone have other names in other languages.
fn choices(field: Field) -> String {
    let choice = |grade: &&str| {
        let name = if field == Field::Cut { format!("{{{{grade.{grade}}}}}") } else { (*grade).into() };
        format!(
            "<label class=\"choice\"><input type=\"radio\" name=\"{field}\" value=\"{grade}\"><span>{name}</span></label>\n"
        )
    };
    labels(field).iter().rev().map(choice).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Most bytes of all files together: a shop's line may be slow.
    const LARGEST: usize = 100_000;

    #[test]
    fn the_texts_can_be_read_and_every_place_is_filled() {
        let texts: BTreeMap<String, String> = serde_json::from_str(ENGLISH).unwrap();
        assert!(texts.len() > 100);
        for (_, name, content) in CONTENTS {
            let page = filled(name, content);
            assert!(!page.contains("{{"), "{name}: {page}");
        }
    }

    #[test]
    fn no_words_stand_in_the_pages_themselves() {
        for (_, name, content) in CONTENTS.iter().chain([&("", "frame", FRAME)]) {
            let bare =
                content.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(_, text)| text);
            for text in bare {
                let words = text.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest));
                assert_eq!(words.map(str::trim).find(|word| !word.is_empty()), None, "{name}");
            }
        }
    }

    #[test]
    fn the_grades_to_choose_from_are_all_there_are_best_first() {
        let counter = filled(CONTENTS[0].1, CONTENTS[0].2);
        for field in Field::GRADES {
            let marker = format!("name=\"{field}\" value=\"");
            let mut shown: Vec<_> =
                counter.split(&marker).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
            shown.reverse();
            assert_eq!(shown, labels(field), "{field}");
        }
    }

    #[test]
    fn everything_together_is_small() {
        let pages = CONTENTS.iter().map(|(_, name, content)| filled(name, content).len()).sum::<usize>();
        let scripts = SCRIPTS.iter().map(|(_, script)| script.len()).sum::<usize>();
        let all = pages + scripts + STYLE.1.len();
        assert!(all < LARGEST, "{all}");
    }
}
