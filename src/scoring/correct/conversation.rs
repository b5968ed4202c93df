//! Conversations in the markers that make a base model answer (URIAL).

use crate::Error;
use crate::scoring::refuse::invalid;

/// The markers of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `# Query:` and `# Answer:`, turns in three backticks.
    Backticks,
    /// `# User:` and `# Assistant:`, an empty line around turns.
    V5,
    /// The same roles; a blank line before each.
    V6,
}

/// What ends an answer, in every style.
pub const STOPS: [&str; 2] = ["# Query", "# User"];

impl Style {
    /// The style of a manifest's name.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there is none of that name.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        match name {
            "urial_backticks" => Ok(Self::Backticks),
            "urial_v5" => Ok(Self::V5),
            "urial_v6" => Ok(Self::V6),
            _ => Err(invalid(format!(
                "template {name:?}; it is \"urial_backticks\", \"urial_v5\" or \"urial_v6\""
            ))),
        }
    }

    fn roles(self) -> [&'static str; 2] {
        match self {
            Self::Backticks => ["# Query:", "# Answer:"],
            Self::V5 | Self::V6 => ["# User:", "# Assistant:"],
        }
    }

    /// The user's marker without its colon: what this style's answers end at.
    pub fn stop(self) -> &'static str {
        self.roles()[0].trim_end_matches(':')
    }

    /// A system text, turns of user and assistant by turns, and an open turn of the assistant.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a turn is empty, which the original renders without its
    /// end, or the last is not the user's.
    /// # Source
    /// Lin et al. 2024; golden file `correction_prompts.json` (`urial_*`).
    pub fn render(self, system: &str, turns: &[&str]) -> Result<String, Error> {
        if turns.len().is_multiple_of(2) {
            return Err(invalid(format!("{} turns; the user's is the first and the last", turns.len())));
        }
        if let Some(at) = turns.iter().position(|turn| turn.is_empty()) {
            return Err(invalid(format!("turn {at} is empty")));
        }
        let fence = if self == Self::Backticks { "```" } else { "" };
        let mut out = system.to_owned();
        for (turn, role) in turns.iter().zip(self.roles().into_iter().cycle()) {
            match self {
                Self::Backticks | Self::V5 => {
                    out.extend(["\n", role, "\n", fence, "\n", turn, "\n", fence, "\n"]);
                }
                Self::V6 => out.extend(["\n\n", role, "\n", turn.trim_matches('\n'), "\n"]),
            }
        }
        let role = self.roles()[1];
        match self {
            Self::Backticks | Self::V5 => out.extend(["\n", role, "\n", fence, "\n"]),
            Self::V6 => out.extend(["\n\n", role, "\n"]),
        }
        Ok(out)
    }
}

/// An answer without its markers: runs of three backticks go, unless `keep_fences`, which takes off only one at the end;
/// `end_of_text` becomes a space; white space around goes.
pub fn clean(output: &str, end_of_text: &str, keep_fences: bool) -> String {
    let output = if end_of_text.is_empty() { output.to_owned() } else { output.replace(end_of_text, " ") };
    if keep_fences {
        let text = output.trim();
        return text.strip_suffix("```").unwrap_or(text).trim().to_owned();
    }
    output.replace("```", "").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_checked_and_answers_cleaned() {
        for turns in [&[][..], &["a", "b"], &["a", "", "c"]] {
            assert!(Style::V5.render("s", turns).is_err(), "{turns:?}");
        }
        assert_eq!(Style::V6.render("s", &["\na\n"]).as_deref(), Ok("s\n\n# User:\na\n\n\n# Assistant:\n"));
        assert_eq!(clean("x ```c``` y\n```", "</s>", false), "x c y");
        assert_eq!(clean("x ```c``` y</s>\n```", "</s>", true), "x ```c``` y");
        assert!(Style::from_name("urial").is_err());
    }
}
