//! House rules, checked. `docs/style.md` says why each exists.

mod arrows;
mod dependencies;
mod docs;
mod functions;
mod modules;
mod sizes;
mod source;
mod words;

/// A broken rule, ready to print.
type Complaint = String;

/// Fails with every complaint on its own line.
fn report(rule: &str, complaints: &[Complaint]) {
    assert!(
        complaints.is_empty(),
        "{rule}:\n  {}",
        complaints.join("\n  ")
    );
}
