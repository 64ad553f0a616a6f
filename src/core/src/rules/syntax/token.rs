//! The tokens of a condition.

use std::ops::Range;

use crate::rules::ruleset::{Arithmetic, Comparison};

/// A token of a condition.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Byte range in the condition.
    pub(super) span: Range<usize>,
    /// Of an opening bracket, the index of the token at which its content ends: the closing bracket, or the token in its
    /// place where it is missing. Of a closing bracket, the index of the one it closes.
    pub(super) partner: Option<usize>,
    /// A mistake in this token was reported.
    pub(super) is_reported: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name; also a reserved word.
    Word,
    Number,
    Text,
    /// `b'…'`
    Bytes,
    True,
    False,
    Null,
    /// `!`
    Not,
    /// An operator between two operands; a minus also where it is a sign.
    Operator(BinaryOperator),
    Question,
    Colon,
    Dot,
    Comma,
    Open(Bracket),
    Close(Bracket),
    /// Characters that are not part of the language.
    Mistake,
}

/// The operators that stand between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BinaryOperator {
    Or,
    And,
    Compare(Comparison),
    In,
    Arithmetic(Arithmetic),
    /// `%`, which is not an operator of the language.
    Remainder,
}

/// How tightly an operator binds; a later variant binds tighter. Operators of equal precedence group from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precedence {
    Or,
    And,
    Relation,
    Sum,
    Product,
    /// Tighter than any operator between two operands.
    Prefix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    Round,
    Square,
    Brace,
}

/// Every symbol. Of two that match, the longer one applies.
pub(super) const SYMBOLS: [(&str, TokenKind); 24] = [
    ("&&", TokenKind::Operator(BinaryOperator::And)),
    ("||", TokenKind::Operator(BinaryOperator::Or)),
    ("==", TokenKind::Operator(BinaryOperator::Compare(Comparison::Equal))),
    ("!=", TokenKind::Operator(BinaryOperator::Compare(Comparison::NotEqual))),
    ("<=", TokenKind::Operator(BinaryOperator::Compare(Comparison::LessOrEqual))),
    (">=", TokenKind::Operator(BinaryOperator::Compare(Comparison::GreaterOrEqual))),
    ("<", TokenKind::Operator(BinaryOperator::Compare(Comparison::Less))),
    (">", TokenKind::Operator(BinaryOperator::Compare(Comparison::Greater))),
    ("!", TokenKind::Not),
    ("+", TokenKind::Operator(BinaryOperator::Arithmetic(Arithmetic::Add))),
    ("-", TokenKind::Operator(BinaryOperator::Arithmetic(Arithmetic::Subtract))),
    ("*", TokenKind::Operator(BinaryOperator::Arithmetic(Arithmetic::Multiply))),
    ("/", TokenKind::Operator(BinaryOperator::Arithmetic(Arithmetic::Divide))),
    ("%", TokenKind::Operator(BinaryOperator::Remainder)),
    ("?", TokenKind::Question),
    (":", TokenKind::Colon),
    (".", TokenKind::Dot),
    (",", TokenKind::Comma),
    ("(", TokenKind::Open(Bracket::Round)),
    (")", TokenKind::Close(Bracket::Round)),
    ("[", TokenKind::Open(Bracket::Square)),
    ("]", TokenKind::Close(Bracket::Square)),
    ("{", TokenKind::Open(Bracket::Brace)),
    ("}", TokenKind::Close(Bracket::Brace)),
];

/// Words that cannot be names.
pub(super) const KEYWORDS: [(&str, TokenKind); 4] = [
    ("in", TokenKind::Operator(BinaryOperator::In)),
    ("true", TokenKind::True),
    ("false", TokenKind::False),
    ("null", TokenKind::Null),
];

/// Words that CEL reserves: they cannot name events or functions, but can name a field after a dot.
pub(in crate::rules) const RESERVED_WORDS: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

impl BinaryOperator {
    pub(super) fn precedence(self) -> Precedence {
        match self {
            BinaryOperator::Or => Precedence::Or,
            BinaryOperator::And => Precedence::And,
            BinaryOperator::Compare(_) | BinaryOperator::In => Precedence::Relation,
            BinaryOperator::Arithmetic(Arithmetic::Add | Arithmetic::Subtract) => Precedence::Sum,
            BinaryOperator::Arithmetic(Arithmetic::Multiply | Arithmetic::Divide) | BinaryOperator::Remainder => {
                Precedence::Product
            }
        }
    }
}

impl Precedence {
    /// The next tighter one.
    pub(super) fn next(self) -> Precedence {
        match self {
            Precedence::Or => Precedence::And,
            Precedence::And => Precedence::Relation,
            Precedence::Relation => Precedence::Sum,
            Precedence::Sum => Precedence::Product,
            Precedence::Product | Precedence::Prefix => Precedence::Prefix,
        }
    }
}

impl Bracket {
    /// The bracket that opens.
    pub(super) fn opening(self) -> &'static str {
        match self {
            Bracket::Round => "(",
            Bracket::Square => "[",
            Bracket::Brace => "{",
        }
    }
}

impl TokenKind {
    /// Whether an operand can end with such a token.
    pub(super) fn ends_operand(self) -> bool {
        match self {
            TokenKind::Word
            | TokenKind::Number
            | TokenKind::Text
            | TokenKind::Bytes
            | TokenKind::True
            | TokenKind::False
            | TokenKind::Null
            | TokenKind::Close(_)
            | TokenKind::Mistake => true,
            TokenKind::Not
            | TokenKind::Operator(_)
            | TokenKind::Question
            | TokenKind::Colon
            | TokenKind::Dot
            | TokenKind::Comma
            | TokenKind::Open(_) => false,
        }
    }

    /// Whether an operand can begin with such a token; signs are left out.
    pub(super) fn begins_operand(self) -> bool {
        matches!(
            self,
            TokenKind::Word
                | TokenKind::Number
                | TokenKind::Text
                | TokenKind::Bytes
                | TokenKind::True
                | TokenKind::False
                | TokenKind::Null
                | TokenKind::Open(Bracket::Round | Bracket::Square)
        )
    }
}
