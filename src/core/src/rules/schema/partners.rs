//! The shape of `[[partners]]`.

use schemars::JsonSchema;

use super::{IdText, PurposeText};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape: only its schema is used")]
pub(super) struct PartnerSchema {
    /// Its name in subjects and in its key.
    #[schemars(with = "IdText")]
    id: (),
    /// What users must consent to before they are shared: keys of context.consent.categoryPreferences.
    needs: Option<Vec<PurposeText>>,
    /// An expression for the text by which the partner knows people: "traits.email". Default: the user's id.
    #[schemars(length(min = 1))]
    subject: Option<String>,
    /// The segments of users that it is told of.
    #[schemars(length(min = 1))]
    segments: Vec<String>,
    /// A line for people.
    description: Option<String>,
}
