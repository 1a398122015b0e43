//! Where maps are inside messages: the table by which encoded messages get their map entries sorted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use protox::prost_reflect::prost_types::FileDescriptorSet;
use protox::prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

/// Rust source of the table: every message from which a map can be reached, sorted by name.
pub(super) fn source(all: &FileDescriptorSet) -> String {
    let pool =
        DescriptorPool::from_file_descriptor_set(all.clone()).expect("a complete descriptor set");
    let messages: BTreeMap<String, MessageDescriptor> = pool
        .all_messages()
        .filter(|message| !message.is_map_entry())
        .map(|message| (message.full_name().to_owned(), message))
        .collect();
    let reaching = reaching_a_map(&messages);
    let index: BTreeMap<&str, usize> = reaching
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), at))
        .collect();
    let mut text =
        String::from("// Generated from the descriptor set.\n\nstatic SHAPES: &[Shape] = &[\n");
    for name in &reaching {
        let fields: String = messages[name]
            .fields()
            .filter_map(|field| field_source(&field, &index))
            .collect();
        writeln!(text, "Shape {{ name: {name:?}, fields: &[{fields}] }},")
            .expect("a String takes everything");
    }
    text.push_str("];\n");
    text
}

fn field_source(field: &FieldDescriptor, index: &BTreeMap<&str, usize>) -> Option<String> {
    let number = field.number();
    let at = target(field).and_then(|name| index.get(name.as_str()));
    if field.is_map() {
        return Some(format!("({number}, Field::Map({at:?})),"));
    }
    at.map(|at| format!("({number}, Field::Message({at})),"))
}

/// The message that a field holds, seen through a map to its values.
fn target(field: &FieldDescriptor) -> Option<String> {
    let Kind::Message(message) = field.kind() else {
        return None;
    };
    if !field.is_map() {
        return Some(message.full_name().to_owned());
    }
    let Kind::Message(value) = message.map_entry_value_field().kind() else {
        return None;
    };
    Some(value.full_name().to_owned())
}

fn reaching_a_map(messages: &BTreeMap<String, MessageDescriptor>) -> BTreeSet<String> {
    let mut reaching = BTreeSet::new();
    loop {
        let before = reaching.len();
        for (name, message) in messages {
            let reaches = |field: FieldDescriptor| {
                field.is_map() || target(&field).is_some_and(|to| reaching.contains(&to))
            };
            if message.fields().any(reaches) {
                reaching.insert(name.clone());
            }
        }
        if reaching.len() == before {
            return reaching;
        }
    }
}
