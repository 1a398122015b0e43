//! What a directory holds, and held last when it was good.

use super::scan::{Signature, files};
use crate::crd::{self, Document, Problem, Severity};
use crate::model::authz::Closed;
use crate::model::{ConfigObject, Name, Object};
use crate::registry::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xds_proto::well_known::DEFAULT_CLUSTER_DOMAIN;

/// A directory as it was read last.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    source: Name,
    files: BTreeMap<PathBuf, File>,
    /// What was sent last; `None` before the first event.
    sent: Option<BTreeMap<Object, ConfigObject>>,
    /// The root could not be read last time; said once.
    lost: bool,
    /// Objects that several files have, with the files: said once.
    doubles: BTreeSet<(Object, PathBuf, PathBuf)>,
}

#[derive(Debug)]
struct File {
    signature: Signature,
    content: u64,
    held: Held,
}

/// What a file contributes.
#[derive(Debug, Default)]
struct Held {
    /// Objects as they were read when they were good last.
    good: BTreeMap<Object, ConfigObject>,
    /// Security objects that never were good: what they select stays closed.
    closed: BTreeMap<Object, ConfigObject>,
}

impl Held {
    fn iter(&self) -> impl Iterator<Item = (&Object, &ConfigObject)> {
        let closed = self
            .closed
            .iter()
            .filter(|(object, _)| !self.good.contains_key(*object));
        self.good.iter().chain(closed)
    }
}

impl Directory {
    pub(super) fn new(root: PathBuf, source: Name) -> Self {
        let files = BTreeMap::new();
        Self {
            root,
            source,
            files,
            sent: None,
            lost: false,
            doubles: BTreeSet::new(),
        }
    }

    /// Reads what has changed; returns what to say about it, if anything is different.
    pub(super) fn scan(&mut self) -> Option<Event> {
        let (found, unreadable) = match files(&self.root) {
            Ok(found) => found,
            Err(error) => {
                self.say_lost(&error);
                return None;
            }
        };
        if std::mem::take(&mut self.lost) {
            tracing::info!("{} can be read again", self.root.display());
        }
        let keeps = |path: &Path| {
            unreadable
                .iter()
                .any(|directory| path.starts_with(directory))
        };
        self.files
            .retain(|path, _| found.contains_key(path) || keeps(path));
        for (path, signature) in found {
            self.read(path, signature);
        }
        let objects = self.merge();
        self.event(objects)
    }

    fn say_lost(&mut self, error: &std::io::Error) {
        if std::mem::replace(&mut self.lost, true) {
            return;
        }
        let root = self.root.display();
        match self.sent.as_ref().map_or(0, BTreeMap::len) {
            0 => tracing::error!(
                "cannot read {root}: {error}; create the directory, it is looked for again and again"
            ),
            count => {
                tracing::error!(
                    "cannot read {root}: {error}; its last {count} objects go on serving, restore the directory"
                );
            }
        }
    }

    fn read(&mut self, path: PathBuf, signature: Signature) {
        let old = self.files.get_mut(&path);
        if old.as_ref().is_some_and(|old| old.signature == signature) {
            return;
        }
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            // It went meanwhile; the next look sees that.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                tracing::error!(
                    "cannot read {}: {error}; what it held goes on serving",
                    path.display()
                );
                return;
            }
        };
        let content = hash(&text);
        if let Some(old) = old {
            old.signature = signature;
            if old.content == content {
                return;
            }
            old.content = content;
            let held = std::mem::take(&mut old.held);
            old.held = objects(&path, &text, held);
            return;
        }
        let held = objects(&path, &text, Held::default());
        self.files.insert(
            path,
            File {
                signature,
                content,
                held,
            },
        );
    }

    /// All objects; of two with one name the one of the first path counts.
    fn merge(&mut self) -> BTreeMap<Object, ConfigObject> {
        let mut merged: BTreeMap<Object, (&Path, &ConfigObject)> = BTreeMap::new();
        let mut doubles = BTreeSet::new();
        for (path, file) in &self.files {
            for (object, content) in file.held.iter() {
                let first = merged.entry(object.clone()).or_insert((path, content)).0;
                if first != path {
                    doubles.insert((object.clone(), first.to_owned(), path.clone()));
                }
            }
        }
        for (object, first, second) in doubles.difference(&self.doubles) {
            let (first, second) = (first.display(), second.display());
            tracing::error!("{object} is in {first} and in {second}; the first counts, remove one");
        }
        let objects = merged
            .into_iter()
            .map(|(object, (_, content))| (object, content.clone()))
            .collect();
        self.doubles = doubles;
        objects
    }

    fn event(&mut self, objects: BTreeMap<Object, ConfigObject>) -> Option<Event> {
        let source = self.source.clone();
        let snapshot = |objects: &BTreeMap<Object, ConfigObject>| Event::Snapshot {
            source: source.clone(),
            objects: objects.values().cloned().collect(),
        };
        let Some(sent) = &self.sent else {
            let event = snapshot(&objects);
            self.sent = Some(objects);
            return Some(event);
        };
        let gone = sent.keys().filter(|object| !objects.contains_key(*object));
        let gone: Vec<&Object> = gone.take(2).collect();
        let new = objects
            .iter()
            .filter(|(object, content)| sent.get(*object) != Some(*content));
        let new: Vec<&ConfigObject> = new.map(|(_, content)| content).take(2).collect();
        let event = match (gone.as_slice(), new.as_slice()) {
            ([], []) => return None,
            ([], [only]) => Event::Upsert {
                source: source.clone(),
                object: (*only).clone(),
            },
            ([only], []) => Event::Remove {
                source: source.clone(),
                object: (*only).clone(),
            },
            // Several changes belong together.
            _ => snapshot(&objects),
        };
        self.sent = Some(objects);
        Some(event)
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The objects of a text. What is broken keeps its last good content out of `old`; a security object without such closes
/// what it selects.
fn objects(path: &Path, text: &[u8], mut old: Held) -> Held {
    let documents = match documents(path, text, &old) {
        Some(documents) => documents,
        None => return old,
    };
    let mut held = Held::default();
    let mut places: BTreeMap<Object, u64> = BTreeMap::new();
    let anonymous = documents
        .iter()
        .any(|document| document.is_broken() && document.object.is_none());
    let mut closing = Vec::new();
    for document in documents {
        say(path, &document.problems);
        let (line, broken) = (document.position.line, document.is_broken());
        let Document {
            object,
            content,
            closed,
            ..
        } = document;
        closing.extend(closed.map(|closed| (line, closed)));
        let Some(object) = object else {
            continue;
        };
        if let Some(first) = places.get(&object) {
            let path = path.display();
            tracing::error!(
                "{path}:{line}: {object} is already at {path}:{first}; the first counts, remove one"
            );
            continue;
        }
        places.insert(object.clone(), line);
        let content = content.or_else(|| old.good.remove(&object).filter(|_| broken));
        held.good.extend(content.map(|content| (object, content)));
    }
    if anonymous {
        // One of these may be the object whose name cannot be read.
        for (object, content) in old.good {
            held.good.entry(object).or_insert(content);
        }
        held.closed = old.closed;
    }
    for (line, closed) in closing {
        close(path, line, closed, &mut held);
    }
    held
}

/// The documents of a text, or `None` if it cannot be told apart.
fn documents(path: &Path, text: &[u8], old: &Held) -> Option<Vec<Document>> {
    let Ok(text) = std::str::from_utf8(text) else {
        tracing::error!(
            "{}: the file is no UTF-8 text; save it as UTF-8. {}",
            path.display(),
            serving(old)
        );
        return None;
    };
    match crd::read(text, DEFAULT_CLUSTER_DOMAIN) {
        Ok(documents) => Some(documents),
        Err(problem) => {
            tracing::error!("{}:{problem}. {}", path.display(), serving(old));
            None
        }
    }
}

/// Closes what a broken security object selects, unless it serves as it was when it was good.
fn close(path: &Path, line: u64, closed: Arc<Closed>, held: &mut Held) {
    let object = closed.origin.clone();
    if held.good.contains_key(&object) {
        return;
    }
    let whom = match closed.selector.is_empty() {
        true => format!(
            "all workloads of namespace {} (of the mesh, if that is the root namespace)",
            object.namespace
        ),
        false => "the workloads that its selector names".to_owned(),
    };
    tracing::error!(
        "{}:{line}: {object} cannot be used and no earlier version of it is known, so {whom} refuse every request; \
         correct or remove it",
        path.display()
    );
    held.closed.insert(object, ConfigObject::Closed(closed));
}

fn serving(old: &Held) -> String {
    match old.iter().count() {
        0 => "Nothing of it serves".to_owned(),
        count => format!("Its last good objects ({count}) go on serving"),
    }
}

fn say(path: &Path, problems: &[Problem]) {
    let path = path.display();
    for problem in problems {
        match problem.severity {
            Severity::Warning => tracing::warn!("{path}:{problem}"),
            Severity::Error => tracing::error!("{path}:{problem}"),
        }
    }
}
