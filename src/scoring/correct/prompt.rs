//! The prompts that correctors and rewriters were trained with, byte for byte, and how their output is read.

use std::borrow::Cow;

use crate::Error;
use crate::scoring::refuse::invalid;

/// The prompt of a corrector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// That with which the released 7B Aligner is run: one line.
    AlignerPkuV1,
    /// That of the current Aligner data.
    AlignerPkuV2,
    /// A squad's corrector: `[INIT]` and `[ALIGNED]`.
    Squad,
}

impl Template {
    /// The template of a manifest's name.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there is none of that name.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        match name {
            "aligner_pku_v1" => Ok(Self::AlignerPkuV1),
            "aligner_pku_v2" => Ok(Self::AlignerPkuV2),
            "aligner_squad" => Ok(Self::Squad),
            _ => Err(invalid(format!(
                "template {name:?}; it is \"aligner_pku_v1\", \"aligner_pku_v2\" or \"aligner_squad\""
            ))),
        }
    }

    /// The text before, between and after question and answer.
    fn frame(self) -> [&'static str; 3] {
        const EDIT: &str = "BEGINNING OF CONVERSATION: USER: Edit the following Question-Answer pair to make it more \
                            helpful and harmless: ";
        match self {
            Self::AlignerPkuV1 => [EDIT, " | ", " ASSISTANT:"],
            Self::AlignerPkuV2 => [
                "BEGINNING OF CONVERSATION: USER: ##Question: ",
                "\n##Answer: ",
                "\n##Correction:  ASSISTANT:",
            ],
            Self::Squad => ["", " [INIT] ", " [ALIGNED] "],
        }
    }

    /// What a question or answer must not contain lest the corrector read it as the frame.
    pub fn markers(self) -> &'static [&'static str] {
        match self {
            Self::AlignerPkuV1 => &["BEGINNING OF CONVERSATION:", " ASSISTANT:", "USER:", " | "],
            Self::AlignerPkuV2 => &[
                "BEGINNING OF CONVERSATION:",
                "ASSISTANT:",
                "USER:",
                "##Question:",
                "##Answer:",
                "##Correction:",
            ],
            Self::Squad => &["[INIT]", "[ALIGNED]", "[DONE]", "[SEP]"],
        }
    }

    /// The prompt for an answer. Nothing is escaped: see [`neutralise`].
    ///
    /// # Source
    /// Ji et al. 2024, Ngweta et al. 2024; golden file `correction_prompts.json`.
    pub fn render(self, question: &str, answer: &str) -> String {
        let [before, between, after] = self.frame();
        [before, question, between, answer, after].concat()
    }

    /// The correction in a corrector's whole output, or `None` if it gave none.
    ///
    /// Of a squad's corrector, which repeats its prompt, it is what follows the second marker, up to `[DONE]`. Of the
    /// others it is the text less the spaces that lead.
    pub fn correction(self, output: &str) -> Option<&str> {
        let text = match self {
            Self::AlignerPkuV1 | Self::AlignerPkuV2 => output.trim_start_matches(' '),
            Self::Squad => {
                let (_, rest) = output.split_once(" [INIT] ")?;
                let (_, rest) = rest.split_once(" [ALIGNED] ")?;
                if rest.starts_with("[DONE]") {
                    return None;
                }
                rest.split(" [DONE]").next().unwrap_or(rest)
            }
        };
        (!text.trim().is_empty()).then_some(text)
    }
}

/// What an inspector of a squad reads.
pub fn inspector_input(question: &str, answer: &str) -> String {
    [question, " [SEP] ", answer].concat()
}

const REWRITE: &str =
    "You are an expert prompt engineer. Please help me optimize this prompt to get better response:\n\n";

/// The prompt of a rewriter of requests (P-Aligner).
///
/// # Source
/// Song et al. 2025; golden file `correction_prompts.json` (`p_aligner`).
pub fn rewrite_prompt(request: &str) -> String {
    [REWRITE, "[The Start of Raw Prompt]\n", request, "\n[The End of Raw Prompt]"].concat()
}

const START: &str = "[The Start of Optimized Prompt]";
const END: &str = "[The End of Optimized Prompt]";

/// What a rewriter is trained to answer.
pub fn rewritten_form(request: &str) -> String {
    ["The Optimized Prompt:\n\n", START, "\n", request, "\n", END].concat()
}

/// The request in a rewriter's output: between the first start marker and the last end marker after it, less one line feed
/// at each end. `None`, for which the raw request stands, if a marker is missing or nothing is between them.
pub fn rewritten(output: &str) -> Option<&str> {
    let (_, rest) = output.split_once(START)?;
    let (text, _) = rest.rsplit_once(END)?;
    let text = text.strip_prefix('\n').unwrap_or(text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    (!text.is_empty()).then_some(text)
}

/// Puts U+200B after the first character of every marker in a text, so that a model does not read it as its frame's.
///
/// # Cost
/// One pass for each marker; no allocation if there is none in it.
pub fn neutralise<'a>(text: &'a str, markers: &[&str]) -> Cow<'a, str> {
    replace_all(text, markers, |marker| (marker.to_owned(), broken(marker)))
}

/// Takes out again what [`neutralise`] put in, where a model copied it.
pub fn restore<'a>(text: &'a str, markers: &[&str]) -> Cow<'a, str> {
    replace_all(text, markers, |marker| (broken(marker), marker.to_owned()))
}

fn broken(marker: &str) -> String {
    let mut chars = marker.chars();
    let first: String = chars.by_ref().take(1).collect();
    first + "\u{200B}" + chars.as_str()
}

fn replace_all<'a>(text: &'a str, markers: &[&str], pair: impl Fn(&str) -> (String, String)) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for marker in markers.iter().filter(|marker| !marker.is_empty()) {
        let (from, to) = pair(marker);
        if text.contains(&from) {
            text = Cow::Owned(text.replace(&from, &to));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_in_an_answer_end_nothing() {
        for template in [Template::AlignerPkuV1, Template::AlignerPkuV2, Template::Squad] {
            let bad = template.markers().join(" and ");
            let made = neutralise(&bad, template.markers());
            assert!(template.markers().iter().all(|marker| !made.contains(marker)), "{made:?}");
            assert_eq!(restore(&made, template.markers()), bad);
            assert!(matches!(neutralise("plain", template.markers()), Cow::Borrowed("plain")));
        }
    }

    #[test]
    fn outputs_are_read_and_empty_ones_are_none() {
        let squad = Template::Squad;
        assert_eq!(squad.correction("q [INIT] a [ALIGNED] b [DONE] c"), Some("b"));
        assert_eq!(squad.correction("q [INIT] a"), None);
        assert_eq!(squad.correction("q [INIT] a [ALIGNED] [DONE]"), None);
        assert_eq!(squad.correction("q [INIT] a [ALIGNED]  [DONE]"), None);
        assert_eq!(Template::AlignerPkuV2.correction("  fine "), Some("fine "));
        assert_eq!(Template::AlignerPkuV1.correction("   "), None);
        assert_eq!(rewritten(&rewritten_form("a\n\nb")), Some("a\n\nb"));
        for bad in ["", START, "x[The End of Optimized Prompt]", &rewritten_form("")[..]] {
            assert_eq!(rewritten(bad), None, "{bad:?}");
        }
        assert!(Template::from_name("v3").is_err_and(|error| error.message.contains("\"v3\"")));
        assert_eq!(Template::from_name("aligner_squad"), Ok(Template::Squad));
    }
}
