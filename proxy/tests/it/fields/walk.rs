//! Setting one field after the other and looking at what becomes of it.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "kinds and values of the reflection library are not ours"
)]

use std::fmt;

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value,
};

use super::cases::Case;
use super::read::Reading;
use super::{meaningless, samples, values};

/// What became of a field in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// What the proxy runs differs.
    Honoured,
    /// It is named; what happens instead.
    Named(String),
    /// The message is refused; why.
    Refused(String),
    /// Nothing happened, and nothing should; why.
    Meaningless(&'static str),
    /// Nothing happened.
    Dropped,
}

/// A field in one place.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) message: MessageDescriptor,
    /// The field, and the value where values of one field differ.
    pub(super) field: String,
    /// Where the message stood.
    pub(super) place: String,
    pub(super) fate: Fate,
}

impl Row {
    pub(super) fn is_dropped(&self) -> bool {
        self.fate == Fate::Dropped
    }

    pub(super) fn is_meaningless(&self) -> bool {
        matches!(self.fate, Fate::Meaningless(_))
    }

    pub(super) fn key(&self) -> String {
        format!("{}.{}", self.message.full_name(), self.field)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.key(), self.place)
    }
}

/// Goes from a message to one inside it.
#[derive(Debug, Clone)]
struct Step(FieldDescriptor);

impl Step {
    fn enter<'a>(&self, outer: &'a mut DynamicMessage) -> &'a mut DynamicMessage {
        let inner = match outer.get_field_mut(&self.0) {
            Value::List(list) => list.first_mut(),
            Value::Map(map) => map.values_mut().next(),
            value => Some(value),
        };
        let inner = inner.and_then(Value::as_message_mut);
        inner.expect("the walk enters what it has put there")
    }
}

struct Walk<'a> {
    case: &'a Case,
    rows: Vec<Row>,
}

/// Every field of a case's message and of the messages inside it.
pub(super) fn every_field(case: &Case) -> Vec<Row> {
    let mut walk = Walk {
        case,
        rows: Vec::new(),
    };
    let sample = samples::parse(&case.message, case.sample);
    walk.visit(&sample, &[], &[sample.descriptor()]);
    walk.rows
}

impl Walk<'_> {
    /// Looks at the fields of the innermost message of `around`, which lies where `steps` lead from `root`.
    fn visit(&mut self, root: &DynamicMessage, steps: &[Step], around: &[MessageDescriptor]) {
        let before = self.read(root).unwrap_or_else(|(path, reason)| {
            let place = self.place(steps);
            panic!("{place} needs another sample: {path}: {reason}")
        });
        let message = around.last().expect("begins with the root").clone();
        for field in message.fields() {
            let inner = inner(&field);
            match inner {
                None => self.scalar(root, steps, &before, &field),
                Some(inner) => self.message(root, (steps, around), &before, (&field, inner)),
            }
        }
    }

    fn scalar(
        &mut self,
        root: &DynamicMessage,
        steps: &[Step],
        before: &Reading,
        field: &FieldDescriptor,
    ) {
        for (label, values) in values::of(field) {
            let label = label.map_or_else(
                || field.name().to_owned(),
                |value| format!("{}: {value}", field.name()),
            );
            let now = at(root, steps).get_field(field).into_owned();
            let had = at(root, steps).has_field(field);
            let variants: Vec<_> = values
                .into_iter()
                .filter(|value| !had || *value != now)
                .map(|value| with(root, steps, field, value))
                .collect();
            if variants.is_empty() {
                continue; // the sample's own value
            }
            let fate = self.fate(before, field, &variants);
            self.add(steps, field, label, fate);
        }
    }

    fn message(
        &mut self,
        root: &DynamicMessage,
        (steps, around): (&[Step], &[MessageDescriptor]),
        before: &Reading,
        (field, inner): (&FieldDescriptor, MessageDescriptor),
    ) {
        let mut root = root.clone();
        if !at(&root, steps).has_field(field) {
            let value = samples::of(&inner);
            root = with(
                &root,
                steps,
                field,
                values::wrap(field, Value::Message(value)),
            );
            match self.fate(before, field, std::slice::from_ref(&root)) {
                Fate::Honoured if inner.fields().len() == 0 => {
                    return self.add(steps, field, field.name().to_owned(), Fate::Honoured);
                }
                Fate::Honoured | Fate::Dropped if inner.fields().len() > 0 => {}
                Fate::Refused(reason) if samples::is_wanted(&reason) => {
                    panic!("give a sample of {}: {reason}", inner.full_name())
                }
                fate @ (Fate::Honoured
                | Fate::Dropped
                | Fate::Named(_)
                | Fate::Refused(_)
                | Fate::Meaningless(_)) => {
                    return self.add(steps, field, field.name().to_owned(), fate);
                }
            }
        }
        if meaningless::reason(&format!(
            "{}.{}",
            field.parent_message().full_name(),
            field.name()
        ))
        .is_some()
        {
            return self.add(steps, field, field.name().to_owned(), Fate::Dropped);
        }
        if around.contains(&inner) || self.case.stops.contains(&inner.full_name()) {
            return;
        }
        let steps: Vec<_> = steps.iter().cloned().chain([Step(field.clone())]).collect();
        let around: Vec<_> = around.iter().cloned().chain([inner]).collect();
        self.visit(&root, &steps, &around);
    }

    /// What came of the variants: one that changes something suffices, being refused takes all of them.
    fn fate(&self, before: &Reading, field: &FieldDescriptor, variants: &[DynamicMessage]) -> Fate {
        let mut refusal = None;
        let mut passed = false;
        for variant in variants {
            match self.read(variant) {
                Ok(after) => {
                    passed = true;
                    let new = after.named.iter().find(|named| {
                        !before.named.contains(named) && named.0.contains(field.name())
                    });
                    if let Some((_, instead)) = new {
                        return Fate::Named(instead.clone());
                    }
                    if after.runs != before.runs || after.named.len() > before.named.len() {
                        return Fate::Honoured;
                    }
                }
                Err((_, reason)) => refusal = refusal.or(Some(reason)),
            }
        }
        match refusal {
            Some(reason) if !passed || values::is_switch(field) => Fate::Refused(reason),
            Some(_) | None => Fate::Dropped,
        }
    }

    fn add(&mut self, steps: &[Step], field: &FieldDescriptor, label: String, fate: Fate) {
        let message = field.parent_message().clone();
        let mut row = Row {
            message,
            field: label,
            place: self.place(steps),
            fate,
        };
        if row.is_dropped() && meaningless::BY_ORDER.contains(&&*row.key()) {
            row.fate = Fate::Honoured;
        }
        if row.is_dropped()
            && let Some(reason) = meaningless::reason(&row.key())
        {
            row.fate = Fate::Meaningless(reason);
        }
        self.rows.push(row);
    }

    fn place(&self, steps: &[Step]) -> String {
        let names = steps.iter().map(|step| step.0.name().to_owned());
        let all: Vec<_> = [self.case.place.to_owned()]
            .into_iter()
            .chain(names)
            .collect();
        all.join(".")
    }

    fn read(&self, message: &DynamicMessage) -> Result<Reading, (String, String)> {
        (self.case.read)(message)
    }
}

/// The message inside a field, unless it is one that is set as a whole.
fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let Kind::Message(inner) = field.kind() else {
        return None;
    };
    let inner = if field.is_map() {
        match inner.map_entry_value_field().kind() {
            Kind::Message(value) => value,
            _ => return None,
        }
    } else {
        inner
    };
    (!values::is_whole(&inner)).then_some(inner)
}

fn at(root: &DynamicMessage, steps: &[Step]) -> DynamicMessage {
    let mut root = root.clone();
    let mut place = &mut root;
    for step in steps {
        place = step.enter(place);
    }
    place.clone()
}

fn with(
    root: &DynamicMessage,
    steps: &[Step],
    field: &FieldDescriptor,
    value: Value,
) -> DynamicMessage {
    let mut root = root.clone();
    let mut place = &mut root;
    for step in steps {
        place = step.enter(place);
    }
    place.set_field(field, value);
    root
}
