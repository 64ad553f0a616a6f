//! The registry's macro: from one line per kind, the enums [`FeatureKind`](super::FeatureKind) and
//! [`FeatureState`](super::FeatureState) and the calls that go to the kind. A `match` each, no dynamic calls.

macro_rules! feature_registry {
    ($($(#[$doc:meta])* $tag:literal $kind:ident,)*) => {
        /// The kinds of features. A `FieldId` in one is always a property.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FeatureKind {
            $($(#[$doc])* $kind($kind),)*
        }

        /// What is stored of one user for one feature.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum FeatureState {
            $($kind(<$kind as AggregateFunction>::State),)*
        }

        $(impl From<$kind> for FeatureKind {
            fn from(function: $kind) -> FeatureKind {
                FeatureKind::$kind(function)
            }
        })*

        impl FeatureKind {
            /// The properties that it reads.
            pub fn fields(&self) -> Vec<$crate::event::FieldId> {
                match self {
                    $(FeatureKind::$kind(function) => function.fields(),)*
                }
            }

            /// Those of them that should be numbers.
            pub fn numeric_fields(&self) -> Vec<$crate::event::FieldId> {
                match self {
                    $(FeatureKind::$kind(function) => function.numeric_fields(),)*
                }
            }

            /// The window, for the kinds that have one.
            pub fn window(&self) -> Option<Window> {
                match self {
                    $(FeatureKind::$kind(function) => function.window(),)*
                }
            }

            /// How long after an event the event can still change the value, at most; `None`: for good.
            pub(crate) fn looks_back(&self) -> Option<$crate::time::Span> {
                match self {
                    $(FeatureKind::$kind(function) => function.looks_back(),)*
                }
            }

            /// How time alone changes the value, if it does: see [`AggregateFunction::change_by_time`].
            pub(crate) fn change_by_time(&self, notation: &str) -> Option<String> {
                match self {
                    $(FeatureKind::$kind(function) => function.change_by_time(notation),)*
                }
            }

            /// The key that its state is stored under, apart from the event: see [`AggregateFunction::definition`].
            pub(crate) fn definition(
                &self,
                path: &dyn Fn($crate::event::FieldId) -> String,
                zone: &str,
            ) -> String {
                match self {
                    $(FeatureKind::$kind(function) => function.definition(path, zone),)*
                }
            }

            /// As the rules write it: `sum(order.total, 7d)`.
            pub(crate) fn notation(
                &self,
                event: &str,
                property: &dyn Fn($crate::event::FieldId) -> String,
            ) -> String {
                match self {
                    $(FeatureKind::$kind(function) => function.notation(&function.arguments(event, property)),)*
                }
            }

            /// The greatest number of bytes that a feature of this kind takes per user; a text, an array or an object in
            /// `last` is added to it (8 KiB at most). A feature without events of the user takes nothing.
            pub fn bytes_max(&self) -> usize {
                let heap = match self {
                    $(FeatureKind::$kind(function) => function.heap_bytes_max(),)*
                };
                size_of::<(u16, FeatureState)>() + heap
            }

            /// Adds an event. `entry` is the user's state for the feature: where there is none, it stores the one that
            /// it is given. It is not called for an event that changes nothing.
            pub(crate) fn record<'s>(
                &self,
                event: &FeatureInput<'_, '_>,
                entry: impl FnOnce(fn() -> FeatureState) -> &'s mut FeatureState,
            ) {
                match self {
                    $(FeatureKind::$kind(function) => {
                        let Some(input) = function.input(event) else { return };
                        let empty = || FeatureState::$kind(<$kind as AggregateFunction>::State::empty());
                        if let FeatureState::$kind(state) = entry(empty) {
                            function.add(state, input, event);
                        }
                    })*
                }
            }

            /// The value for a user with this state.
            pub(crate) fn result<'s>(
                &self,
                state: Option<&'s FeatureState>,
                clock: FeatureClock<'_>,
            ) -> $crate::value::TermResult<'s> {
                match (self, state) {
                    $((FeatureKind::$kind(function), Some(FeatureState::$kind(state))) => {
                        function.result(Some(state), clock)
                    })*
                    $((FeatureKind::$kind(function), _) => function.result(None, clock),)*
                }
            }

            /// Whether `value op constant`: see [`AggregateFunction::comparison`].
            pub(crate) fn comparison(
                &self,
                state: Option<&FeatureState>,
                clock: FeatureClock<'_>,
                op: $crate::value::Comparison,
                constant: &$crate::value::Value<'_>,
            ) -> Option<$crate::value::ConditionResult> {
                match (self, state) {
                    $((FeatureKind::$kind(function), Some(FeatureState::$kind(state))) => {
                        function.comparison(Some(state), clock, op, constant)
                    })*
                    $((FeatureKind::$kind(function), _) => function.comparison(None, clock, op, constant),)*
                }
            }

            /// Drops what no later value can depend on; false when nothing is left.
            pub(crate) fn expire(&self, state: &mut FeatureState, clock: FeatureClock<'_>) -> bool {
                match (self, state) {
                    $((FeatureKind::$kind(function), FeatureState::$kind(state)) => function.expire(state, clock),)*
                    _ => true,
                }
            }

            fn tag(&self) -> u8 {
                match self {
                    $(FeatureKind::$kind(_) => $tag,)*
                }
            }
        }

        impl FeatureState {
            /// The bytes it takes on the heap.
            pub(crate) fn heap_bytes(&self) -> usize {
                match self {
                    $(FeatureState::$kind(state) => state.heap_bytes(),)*
                }
            }

            /// Forgets a text that an event had; false when nothing is left.
            pub(crate) fn forget_text(&mut self, text: &str) -> bool {
                match self {
                    $(FeatureState::$kind(state) => state.forget_text(text),)*
                }
            }

            /// Whether it keeps one of these texts that an event had.
            pub(crate) fn has_any_text(&self, texts: &SoughtTexts<'_>) -> bool {
                match self {
                    $(FeatureState::$kind(state) => state.has_any_text(texts),)*
                }
            }

            /// Merges what another user has for the same feature.
            pub(crate) fn merge(&mut self, other: FeatureState) {
                match (self, other) {
                    $((FeatureState::$kind(ours), FeatureState::$kind(theirs)) => ours.merge(theirs),)*
                    _ => {}
                }
            }

            /// Writes it, in any format.
            pub(crate) fn write<W: $crate::encoding::StateWriter>(&self, writer: &mut W) {
                match self {
                    $(FeatureState::$kind(state) => {
                        writer.tag($tag);
                        state.write(writer);
                    })*
                }
            }

            /// Reads it; `kind` is that of the feature, where the format needs the rules to tell.
            pub(crate) fn read<R: $crate::encoding::StateReader>(
                kind: Option<&FeatureKind>,
                reader: &mut R,
            ) -> Result<FeatureState, R::Error> {
                let window = kind.and_then(FeatureKind::window);
                match reader.tag(|| kind.map_or(0, FeatureKind::tag)) {
                    $($tag => StoredFeature::read(window.as_ref(), reader).map(FeatureState::$kind),)*
                    tag => unreachable!("only tags of the registry are written, not {tag}"),
                }
            }
        }
    };
}
