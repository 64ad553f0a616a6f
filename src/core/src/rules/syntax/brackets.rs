//! Pairs the brackets of a condition.

use super::ConditionProblems;
use super::token::{Bracket, Token, TokenKind};

/// Sets the partner of every bracket. Of several mistakes only the first is reported, since the others mostly follow from
/// it; none is reported where a text has no closing quote, because the text may contain the missing bracket.
pub(super) fn pair(
    source: &str,
    tokens: &mut [Token],
    has_open_text: bool,
    problems: &mut ConditionProblems<'_, '_, '_>,
) {
    let mut open: Vec<(usize, Bracket)> = Vec::new();
    let mut is_sound = !has_open_text;
    for index in 0..tokens.len() {
        let closing = match tokens[index].kind {
            TokenKind::Open(bracket) => {
                open.push((index, bracket));
                continue;
            }
            TokenKind::Close(bracket) => bracket,
            _ => continue,
        };
        let Some(&(_, innermost)) = open.last() else {
            let (written, opening) = (&source[tokens[index].span.clone()], closing.opening());
            if std::mem::take(&mut is_sound) {
                let message = format!("this `{written}` has no opening bracket");
                let help = format!("remove it, or add a `{opening}` before it");
                problems.add(tokens[index].span.clone(), message, help);
            }
            tokens[index].kind = TokenKind::Mistake;
            tokens[index].is_reported = true;
            continue;
        };
        if innermost != closing && std::mem::take(&mut is_sound) {
            let written = &source[tokens[index].span.clone()];
            problems.add(
                tokens[index].span.clone(),
                format!("`{written}` does not match the open `{}`", innermost.opening()),
                "",
            );
        }
        // It closes the nearest of its kind, and all that was opened since; the innermost where there is none of its kind.
        let is_open = innermost == closing || open.iter().any(|(_, bracket)| *bracket == closing);
        let wanted = if is_open { closing } else { innermost };
        while let Some((start, bracket)) = open.pop() {
            tokens[start].partner = Some(index);
            if bracket == wanted {
                tokens[index].partner = Some(start);
                break;
            }
        }
    }
    if let Some(&(start, bracket)) = open.last()
        && is_sound
    {
        problems.add(tokens[start].span.clone(), format!("this `{}` is never closed", bracket.opening()), "");
    }
    for (start, _) in open {
        tokens[start].partner = Some(tokens.len());
    }
}
