//! The questions, asked on a terminal.

use std::io::{self, BufRead, Write};

use super::InitError;

/// How often a question is asked at most.
const ATTEMPTS_MAX: usize = 10;

/// Where questions are asked, and answers come from; `None`: nowhere, the defaults are taken.
pub(super) struct Questionnaire<'a> {
    pub(super) terminal: Option<TerminalDialogue<'a>>,
}

/// The two directions of a terminal.
pub(super) struct TerminalDialogue<'a> {
    pub(super) answers: &'a mut dyn BufRead,
    pub(super) prompts: &'a mut dyn Write,
}

/// One question.
pub(super) struct InitQuestion<'a, T> {
    pub(super) text: &'a str,
    /// What an empty answer means.
    pub(super) default: &'a str,
    pub(super) read: fn(&str) -> Result<T, String>,
}

impl Questionnaire<'_> {
    /// What the command line said, or else the answer to a question.
    ///
    /// # Errors
    /// There is no answer.
    pub(super) fn ask<T>(&mut self, given: Option<T>, question: &InitQuestion<'_, T>) -> Result<T, InitError> {
        if let Some(given) = given {
            return Ok(given);
        }
        let default = || (question.read)(question.default).map_err(|_| InitError::NoAnswer);
        let Some(terminal) = &mut self.terminal else { return default() };
        for _ in 0..ATTEMPTS_MAX {
            let mut answer = String::new();
            let asked = write!(terminal.prompts, "{} [{}] ", question.text, question.default);
            asked.and_then(|()| terminal.prompts.flush()).map_err(InitError::Terminal)?;
            if terminal.answers.read_line(&mut answer).map_err(InitError::Terminal)? == 0 {
                return Err(InitError::Terminal(io::ErrorKind::UnexpectedEof.into()));
            }
            if answer.trim().is_empty() {
                return default();
            }
            match (question.read)(&answer) {
                Ok(answer) => return Ok(answer),
                Err(why) => writeln!(terminal.prompts, "  {why}").map_err(InitError::Terminal)?,
            }
        }
        Err(InitError::NoAnswer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::choices;
    use super::*;

    fn asked(given: Option<String>, answers: &str) -> (Option<String>, String) {
        let mut prompts = Vec::new();
        let terminal = TerminalDialogue { answers: &mut answers.as_bytes(), prompts: &mut prompts };
        let question = InitQuestion { text: "Currency?", default: "EUR", read: choices::currency };
        let answer = Questionnaire { terminal: Some(terminal) }.ask(given, &question).ok();
        (answer, String::from_utf8(prompts).expect("text"))
    }

    #[test]
    fn a_wrong_answer_is_explained_and_asked_for_again() {
        let (answer, said) = asked(None, "euros\nusd\n");
        assert_eq!(answer.as_deref(), Some("USD"));
        assert_eq!(said, "Currency? [EUR]   write three letters, as in EUR\nCurrency? [EUR] ");
        assert_eq!(asked(None, "\n").0.as_deref(), Some("EUR"));
        assert_eq!(asked(Some("CHF".to_owned()), ""), (Some("CHF".to_owned()), String::new()));
        assert_eq!(asked(None, "").0, None);
        assert_eq!(asked(None, &"x\n".repeat(50)).0, None);
    }
}
