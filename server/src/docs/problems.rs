//! What each refusal means, and its cure; `type` of every problem leads here.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};

use super::PAGE_POLICY;
use crate::static_file::{HTML, StaticFile};

const PAGE: &str = include_str!("../../assets/problems.html");

/// `GET /docs/problems`
pub(crate) async fn page(request: HttpRequest) -> HttpResponse {
    ANSWER.answer(&request).await
}

static ANSWER: LazyLock<StaticFile> = LazyLock::new(|| StaticFile::new(HTML, PAGE_POLICY, PAGE));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::KINDS;

    /// The attribute `id` of every section.
    fn sections() -> Vec<&'static str> {
        let starts = PAGE.split("<section id=\"").skip(1);
        starts.filter_map(|rest| rest.split_once('"')).map(|(id, _)| id).collect()
    }

    #[test]
    fn every_problem_has_its_section_and_every_section_its_problem_in_the_same_order() {
        let codes: Vec<_> = KINDS.iter().map(|(_, code, _)| *code).collect();
        assert_eq!(sections(), codes);
    }

    #[test]
    fn a_section_has_the_title_and_the_status_that_answers_have() {
        for (status, code, title) in KINDS {
            let heading = format!("<section id=\"{code}\">\n<h2>{title}</h2>\n");
            assert!(PAGE.contains(&heading), "{heading}");
            let status = format!("<p class=\"code\"><code>{code}</code>, status {}</p>", status.as_u16());
            assert!(PAGE.contains(&status), "{status}");
        }
    }

    #[test]
    fn a_section_says_what_it_means_how_it_happens_and_what_cures_it() {
        for section in PAGE.split("<section id=\"").skip(1) {
            for part in ["<h3>What it means</h3>", "<h3>How it happens</h3>", "<h3>What to do</h3>"] {
                assert!(section.contains(part), "{part}: {section}");
            }
        }
    }
}
