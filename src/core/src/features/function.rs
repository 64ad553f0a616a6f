//! What a kind of feature has to say: the trait that every line of the registry implements.

use super::clock::FeatureClock;
use super::state::StoredFeature;
use super::window::Window;
use crate::decimal::Decimal;
use crate::event::{FieldId, Scalar, field_value};
use crate::time::{Span, Timestamp};
use crate::value::{Comparison, ConditionResult, TermResult, Value};

/// A function over a user's events, with its parameters: what is kept of an event, and what the state is worth.
pub(crate) trait AggregateFunction: Copy {
    /// What is stored of one user.
    type State: StoredFeature;
    /// What it takes from an event.
    type Input<'e>;

    /// Its name in stored definitions. Part of the checkpoint format: under another name, stored state is lost.
    const STORED_NAME: &'static str;
    /// Its name in the rules' language.
    const NAME: &'static str;

    /// The properties that it reads.
    fn fields(&self) -> Vec<FieldId> {
        Vec::new()
    }

    /// Those of them that should be numbers: a text in one is reported.
    fn numeric_fields(&self) -> Vec<FieldId> {
        Vec::new()
    }

    /// The window it looks back over, if it has one.
    fn window(&self) -> Option<Window> {
        None
    }

    /// How long after an event the event can still change the value, at most; `None`: for good.
    fn looks_back(&self) -> Option<Span> {
        self.window().map(|window| window.longest())
    }

    /// How time alone changes the value, if it does so otherwise than a duration grows: `a pane of … leaves`.
    fn change_by_time(&self, notation: &str) -> Option<String> {
        Some(match self.window()? {
            Window::Sliding(window) => format!("a pane of {notation} leaves, every {} at most", Span(window.pane_ms)),
            Window::Calendar(window) => format!("{notation} changes when the {} ends", window.unit().name()),
        })
    }

    /// The key that its state is stored under, apart from the event: `sum properties.total 604800000`. Part of the
    /// checkpoint format. `zone` is the rules' time zone.
    fn definition(&self, path: &dyn Fn(FieldId) -> String, zone: &str) -> String {
        let fields = self.fields().into_iter().map(path);
        let window = self.window().map(|window| window.definition(zone));
        std::iter::once(Self::STORED_NAME.to_owned()).chain(fields).chain(window).collect::<Vec<_>>().join(" ")
    }

    /// As the rules write it: `sum(order.total, 7d)`.
    fn notation(&self, arguments: &str) -> String {
        format!("{}({arguments})", Self::NAME)
    }

    /// The arguments as the rules write them: `order.total, 7d`. `event` is the name of its events, or `a, b` of two.
    fn arguments(&self, event: &str, property: &dyn Fn(FieldId) -> String) -> String {
        let mut arguments: Vec<String> =
            self.fields().into_iter().map(|field| format!("{event}.{}", property(field))).collect();
        if arguments.is_empty() {
            arguments.push(event.to_owned());
        }
        arguments.extend(self.window().map(|window| window.to_string()));
        arguments.join(", ")
    }

    /// The greatest number of bytes that a state takes on the heap, texts of events apart.
    fn heap_bytes_max(&self) -> usize;

    /// What it takes from an event; `None`: the event changes nothing.
    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Self::Input<'e>>;

    /// Adds what it took from an event.
    fn add(&self, state: &mut Self::State, input: Self::Input<'_>, event: &FeatureInput<'_, '_>);

    /// Its value at `now`, and the instant at which time alone changes it next. `None`: nothing was recorded of the user.
    fn result<'s>(&self, state: Option<&'s Self::State>, clock: FeatureClock<'_>) -> TermResult<'s>;

    /// Whether `value op constant` at `now`, and until when at least; `None`: [`result`](AggregateFunction::result) says
    /// all there is to say. A function whose value changes step by step can say when the comparison itself changes.
    fn comparison(
        &self,
        _state: Option<&Self::State>,
        _clock: FeatureClock<'_>,
        _op: Comparison,
        _constant: &Value<'_>,
    ) -> Option<ConditionResult> {
        None
    }

    /// Drops what no later value can depend on; false when nothing is left.
    fn expire(&self, state: &mut Self::State, clock: FeatureClock<'_>) -> bool {
        self.window().is_none_or(|window| state.expire(&window, clock))
    }
}

/// Points that were earned or spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PointsFlow {
    Earned(Decimal),
    Spent(Decimal),
}

/// An event on its way into a feature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeatureInput<'e, 'a> {
    /// The values of the match, by field.
    pub(crate) fields: &'e [(FieldId, Scalar<'a>)],
    /// Its own time.
    pub(crate) ts: Timestamp,
    /// Its position in the log.
    pub(crate) position: u64,
    /// The user's clock.
    pub(crate) clock: FeatureClock<'e>,
    /// Another match of the same event by the same name was recorded before this one.
    pub(crate) is_repeated: bool,
    /// It is a match of the second name of a feature that has two.
    pub(crate) is_second: bool,
    /// The points that were earned or spent, of a feature of a ledger.
    pub(crate) points: Option<PointsFlow>,
}

impl<'e, 'a> FeatureInput<'e, 'a> {
    /// The value of a property, if the event has it.
    pub(crate) fn value(&self, field: FieldId) -> Option<&'e Scalar<'a>> {
        field_value(self.fields, field)
    }

    /// The value of a property, if it is a number.
    pub(crate) fn number(&self, field: FieldId) -> Option<Decimal> {
        match self.value(field) {
            Some(Scalar::Number(number)) => Some(*number),
            _ => None,
        }
    }
}
