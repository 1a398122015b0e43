//! Finds functions in code that rustfmt has laid out: a function ends at the first `}` with the indentation of its `fn`.
//!
//! Taking a wire message apart field by field needs a line for each field, and none of them can be wrong without the compiler
//! noticing; such lines are not counted.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Line of its `fn`, from 1.
    pub(super) line: usize,
    /// Lines from its `fn` to its closing brace, without those that only take a message apart.
    pub(super) lines: usize,
}

/// Every function in `text`.
pub(super) fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let named = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, line, name_of(line)?)));
    let measured = named.map(|(at, line, name)| Function {
        name,
        line: at + 1,
        lines: length(&lines[at..], line),
    });
    measured.collect()
}

/// The name of the function that starts on this line.
fn name_of(line: &str) -> Option<String> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let qualifier = |word: &str| {
        matches!(
            word,
            "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\""
        ) || word.starts_with("pub(")
    };
    let qualified = before
        .split_whitespace()
        .all(|word| qualifier(word) || matches!(word, "super)" | "crate)"));
    let inside_path = |word: &str| word.starts_with("in ") || word.ends_with(')');
    if !qualified && !inside_path(before.trim_end()) {
        return None;
    }
    let name: String = after
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

fn length(lines: &[&str], first: &str) -> usize {
    let indentation = &first[..first.len() - first.trim_start().len()];
    let closing = format!("{indentation}}}");
    if first.ends_with(';') || first.ends_with('}') {
        return 1;
    }
    let ends = |line: &&str| *line == closing || (*line != first && bodiless(line, indentation));
    let last = lines.iter().position(ends).unwrap_or(0);
    last + 1 - taken_apart(&lines[..=last])
}

/// Lines between `let Message {` and `} = message;`.
fn taken_apart(lines: &[&str]) -> usize {
    let (mut counted, mut open) = (0, None);
    for (at, line) in lines.iter().enumerate() {
        let line = line.trim();
        if line.starts_with("let ") && line.ends_with(" {") && !line.contains('=') {
            open = Some(at);
        } else if let Some(from) = open.filter(|_| line.starts_with("} = ")) {
            counted += at - from;
            open = None;
        }
    }
    counted
}

/// The last line of a declaration without a body, such as one in a trait.
fn bodiless(line: &str, indentation: &str) -> bool {
    line.strip_prefix(indentation)
        .is_some_and(|rest| rest.starts_with(')') && rest.ends_with(';'))
}

#[test]
fn measures_functions_to_their_closing_brace() {
    let text = "\
impl A {
    /// fn in a comment
    pub(crate) async fn one(
        a: u8,
    ) -> u8 {
        if a > 1 {
            return 1;
        }
        a
    }

    fn two();
}

pub fn three() {}
";
    let found = functions(text);
    let expected = [("one", 3, 8), ("two", 12, 1), ("three", 15, 1)];
    let found: Vec<_> = found
        .iter()
        .map(|f| (f.name.as_str(), f.line, f.lines))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn taking_a_message_apart_is_not_counted() {
    let text = "fn read(message: Message) -> u8 {\n    let Message {\n        a,\n        b: _,\n    } = message;\n    a\n}\n";
    assert_eq!(functions(text)[0].lines, 4);
}
