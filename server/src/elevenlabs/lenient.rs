//! Types that take whatever JSON holds: what does not fit is as good as absent, never an error.
//!
//! What is not wanted is skipped without being built, however deep it is nested, so that neither depth nor
//! size of the unread parts of an event costs anything.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A string, or a number as text. Anything else is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(pub Option<String>);

impl Text {
    /// The text, if there is any besides white space.
    pub fn filled(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

/// A string, or a boolean as `true` or `false`. Anything else is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word(pub Option<String>);

/// A number, or a string that is one. Anything else is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Number(pub Option<f64>);

impl Number {
    /// The number as a whole one, if it is finite and fits.
    pub fn whole(self) -> Option<i64> {
        self.0.filter(|n| n.is_finite() && n.abs() < 9e15).map(|n| n as i64)
    }
}

/// An object of a shape; its default when it is anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

/// A list; `None` when it is anything else. Items that do not fit are their default, so that indexes hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Option<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> List<T> {
    /// The items; none when there is no list.
    pub fn items(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A visitor that skips everything; each type overrides what it takes.
macro_rules! skip {
    (scalars) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        skip!(unit);
    };
    (unit) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (numbers) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (expecting) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
    };
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker;
        impl<'de> Visitor<'de> for Taker {
            type Value = Text;
            skip!(expecting);
            skip!(scalars);
            skip!(list);
            skip!(map);
            fn visit_i64<E>(self, n: i64) -> Result<Text, E> {
                Ok(Text(Some(n.to_string())))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Text, E> {
                Ok(Text(Some(n.to_string())))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Text, E> {
                Ok(Text(Some(n.to_string())))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Text, E> {
                Ok(Text(Some(text)))
            }
        }
        deserializer.deserialize_any(Taker)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker;
        impl<'de> Visitor<'de> for Taker {
            type Value = Word;
            skip!(expecting);
            skip!(unit);
            skip!(list);
            skip!(map);
            fn visit_bool<E>(self, yes: bool) -> Result<Word, E> {
                Ok(Word(Some(yes.to_string())))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Word, E> {
                Ok(Word(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Word, E> {
                Ok(Word(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Word, E> {
                Ok(Word(None))
            }
            fn visit_str<E>(self, text: &str) -> Result<Word, E> {
                Ok(Word(Some(text.to_owned())))
            }
        }
        deserializer.deserialize_any(Taker)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker;
        impl<'de> Visitor<'de> for Taker {
            type Value = Number;
            skip!(expecting);
            skip!(scalars);
            skip!(list);
            skip!(map);
            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(Number(Some(n as f64)))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(Number(Some(n as f64)))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Number, E> {
                Ok(Number(Some(n)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.trim().parse().ok()))
            }
        }
        deserializer.deserialize_any(Taker)
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Taker<T> {
            type Value = Object<T>;
            skip!(expecting);
            skip!(scalars);
            skip!(numbers);
            skip!(list);
            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }
        deserializer.deserialize_any(Taker(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Taker<T> {
            type Value = List<T>;
            skip!(expecting);
            skip!(scalars);
            skip!(numbers);
            skip!(map);
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(List(Some(list)))
            }
        }
        deserializer.deserialize_any(Taker(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Shape {
        text: Text,
        word: Word,
        number: Number,
        inner: Object<Inner>,
        list: List<Object<Inner>>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Inner {
        text: Text,
    }

    #[test]
    fn what_does_not_fit_is_absent_and_never_an_error() {
        for odd in ["null", "true", "7", "-1.5", "\"x\"", "[1,{\"text\":[]}]", "{\"text\":{\"a\":[null]}}", "[]", "{}"]
        {
            let json = format!(
                "{{\"text\":{odd},\"word\":{odd},\"number\":{odd},\"inner\":{odd},\"list\":{odd},\"more\":{odd}}}"
            );
            serde_json::from_str::<Shape>(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
        }
        let shape: Shape =
            serde_json::from_str(r#"{"text":12,"number":" 3.5 ","inner":{"text":"a"},"list":[null,{"text":"b"},4]}"#)
                .unwrap();
        assert_eq!(shape.text.filled(), Some("12"));
        assert_eq!(shape.number.0, Some(3.5));
        for (json, word) in [("true", Some("true")), ("\"no\"", Some("no")), ("1", None), ("null", None)] {
            let shape: Shape = serde_json::from_str(&format!("{{\"word\":{json}}}")).unwrap();
            assert_eq!(shape.word.0.as_deref(), word);
        }
        assert_eq!(shape.inner.0.text.filled(), Some("a"));
        assert_eq!(shape.list.items().len(), 3);
        assert_eq!(shape.list.items()[1].0.text.filled(), Some("b"));
    }

    #[test]
    fn unread_parts_may_be_nested_deeper_than_any_parser_would_build() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for field in ["other", "text", "word", "number", "inner"] {
            let shape: Shape = serde_json::from_str(&format!("{{\"{field}\":{deep}}}")).unwrap();
            assert_eq!(shape, Shape::default(), "{field}");
        }
    }
}
