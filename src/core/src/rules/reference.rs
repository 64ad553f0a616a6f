//! The language reference, `docs/rules.md` and the examples of `docs/cookbook.md`, compiled into the binary: `rekindle
//! rules` prints them.

/// The reference, in Markdown.
pub const TEXT: &str = include_str!("../../../../docs/rules.md");

/// Whole examples, each with events and what comes of them, in Markdown.
pub const COOKBOOK: &str = include_str!("../../../../docs/cookbook.md");

#[cfg(test)]
mod tests {
    use strum::VariantNames;

    use super::TEXT;
    use crate::diagnostics;
    use crate::rules::{compile, compiler, functions, growth, tables};

    /// The contents of the fenced blocks of one kind.
    fn blocks(kind: &str) -> Vec<&'static str> {
        let fence = format!("```{kind}\n");
        TEXT.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
    }

    #[test]
    fn every_key_and_function_is_in_the_reference() {
        let words: [&[&str]; 30] = [
            &tables::PER_KEYS,
            &tables::MODEL_KEYS,
            &tables::TOP_KEYS,
            &tables::CAP_KEYS,
            &tables::GOAL_KEYS,
            &tables::EVENT_KEYS,
            &tables::EVENT_TYPES,
            &tables::SEGMENT_KEYS,
            &tables::CAMPAIGN_KEYS,
            &tables::VARIANT_KEYS,
            &tables::BUDGET_KEYS,
            &tables::SPEND_KEYS,
            &tables::SETTLE_KEYS,
            &tables::LEDGER_KEYS,
            &tables::EARNING_KEYS,
            &tables::SPENDING_KEYS,
            &tables::PRICE_KEYS,
            &tables::PARTNER_KEYS,
            &tables::PICKS_KEYS,
            &tables::RANK_KEYS,
            &tables::ADAPT_KEYS,
            &functions::METHODS,
            &compiler::ROOTS,
            &growth::GROWTH_KEYS,
            growth::Stage::VARIANTS,
            &growth::FUNNEL_KEYS,
            &growth::PROMOTION_KEYS,
            &growth::TARGET_KEYS,
            growth::Metric::VARIANTS,
            growth::Period::VARIANTS,
        ];
        for word in words.concat() {
            let written = [format!("`{word}`"), format!("[{word}]"), format!("`{word}."), format!("{word}(")];
            assert!(written.iter().any(|form| TEXT.contains(form)), "`{word}` is not in the reference");
        }
        for function in functions::names() {
            assert!(TEXT.contains(&format!("{function}(")), "{function}( is not in the reference");
        }
    }

    #[test]
    fn every_example_file_compiles() {
        let examples = blocks("toml");
        assert!(examples.len() >= 8);
        for example in examples {
            if let Err(problems) = compile(example) {
                panic!("{}", diagnostics::render("example", example, &problems, false));
            }
        }
    }

    #[test]
    fn every_example_condition_compiles() {
        let events = "[events]\nview = 'V'\ncart = 'C'\norder = 'O'\n[[segments]]\nid = 'dormant'\nwhen = 'true'\n";
        let mut conditions = 0;
        for condition in blocks("cel").into_iter().flat_map(str::lines).filter(|line| !line.trim().is_empty()) {
            conditions += 1;
            let text = format!("{events}[[segments]]\nid = 's'\nwhen = '''{condition}'''\n");
            if let Err(problems) = compile(&text) {
                panic!("{}", diagnostics::render("example", &text, &problems, false));
            }
        }
        assert!(conditions >= 20);
    }
}
