//! Arrows between the modules of one crate.

use std::collections::BTreeSet;

use super::{report, source};

/// Modules of a crate, and what they must not know.
struct Ban {
    krate: &'static str,
    /// Top-level modules the ban is for; empty is all.
    of: &'static [&'static str],
    /// Top-level modules that are exempt when `of` is empty.
    except: &'static [&'static str],
    /// What they must not import.
    from: &'static [&'static str],
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        krate: "proxy",
        of: &[],
        except: &["app", "lib", "main"],
        from: &["app"],
        why: "wiring happens in `app` and nothing looks up to it",
    },
    Ban {
        krate: "proxy",
        of: &[
            "http",
            "tcp",
            "cluster",
            "listener",
            "transport",
            "matcher",
            "worker",
            "telemetry",
            "drain",
        ],
        except: &[],
        from: &["admin", "xds", "capture", "lifecycle"],
        why: "the data path reads snapshots and knows neither who fills nor who shows them",
    },
    Ban {
        krate: "control-plane",
        of: &[],
        except: &["app", "lib", "main"],
        from: &["app"],
        why: "wiring happens in `app` and nothing looks up to it",
    },
    Ban {
        krate: "control-plane",
        of: &["model"],
        except: &[],
        from: &[
            "crd", "registry", "store", "scope", "generate", "push", "xds", "ca",
        ],
        why: "the model is the vocabulary that all others share",
    },
    Ban {
        krate: "control-plane",
        of: &["generate", "scope"],
        except: &[],
        from: &["push", "xds", "ca", "crd", "registry"],
        why: "generators are pure in their scope",
    },
    Ban {
        krate: "control-plane",
        of: &["store", "crd", "registry"],
        except: &[],
        from: &["scope", "generate", "push", "xds", "ca"],
        why: "the world does not know who reads it",
    },
];

#[test]
fn modules_only_look_down() {
    let files = source::rust();
    let mut found = Vec::new();
    for ban in BANS {
        let prefix = format!("{}/src/", ban.krate);
        for file in files.iter().filter(|file| !file.is_test()) {
            let Some(inside) = file.path.strip_prefix(&prefix) else {
                continue;
            };
            let module = inside.split(['/', '.']).next().unwrap_or(inside);
            if ban.except.contains(&module) || !(ban.of.is_empty() || ban.of.contains(&module)) {
                continue;
            }
            let imported = imports(file.code());
            let broken = ban.from.iter().filter(|to| imported.contains(**to));
            found.extend(
                broken.map(|to| format!("{}: `{module}` knows `{to}`, but {}", file.path, ban.why)),
            );
        }
    }
    report("turn these arrows around", &found);
}

/// Top-level modules of the crate that `code` names.
fn imports(code: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for line in lines {
        for after in line.split("crate::").skip(1) {
            found.insert(word(after));
        }
    }
    for group in code.split("use crate::{").skip(1) {
        found.extend(heads(group));
    }
    found
}

/// First words of a `use` group, up to its closing brace.
fn heads(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(word(group[start..at].trim_start()));
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(word(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or(text)
}

#[test]
fn sees_every_form_of_import() {
    let code = "use crate::one::A;\nuse crate::{\n    two::{B, C},\n    three,\n};\n// crate::not\nlet x = crate::four::f();\n";
    let found = imports(code);
    assert!(
        ["one", "two", "three", "four"]
            .iter()
            .all(|name| found.contains(name)),
        "{found:?}"
    );
    assert!(!found.contains("not") && !found.contains("C"), "{found:?}");
}
