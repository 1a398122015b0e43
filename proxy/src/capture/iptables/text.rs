//! The rules as text for `iptables-restore --noflush`.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::capture::address_family::AddressFamily;
use crate::capture::rule::{Action, ChainName, ConnState, Match, Rule, RuleSet, TableName, Test};

#[cfg(test)]
mod tests;

const OUR_PREFIX: &str = "ISTIO_";

/// The script that takes a family from `saved` (what `iptables-save` printed) to `rules`; empty if nothing is to do.
pub(super) fn replace(saved: &str, rules: &RuleSet, family: AddressFamily) -> String {
    let mut out = String::new();
    for table in TableName::ALL {
        let old = Residue::find(saved, table);
        let chains = chains(rules, table);
        if old.is_empty() && chains.is_empty() {
            continue;
        }
        let _ = writeln!(out, "*{}", table.iptables());
        old.declare_and_remove(&chains, &mut out);
        for chain in &chains {
            add_chain(rules, table, *chain, family, &mut out);
        }
        out.push_str("COMMIT\n");
    }
    out
}

/// What an earlier run left in a table.
#[derive(Debug, Default)]
struct Residue {
    chains: BTreeSet<String>,
    jumps: Vec<String>,
}

impl Residue {
    fn find(saved: &str, table: TableName) -> Self {
        let mut found = Self::default();
        let mut inside = false;
        for line in saved.lines() {
            if let Some(name) = line.strip_prefix('*') {
                inside = name.trim() == table.iptables();
            } else if inside {
                found.take(line);
            }
        }
        found
    }

    fn take(&mut self, line: &str) {
        if let Some(chain) = line
            .strip_prefix(':')
            .and_then(|rest| rest.split(' ').next())
        {
            if chain.starts_with(OUR_PREFIX) {
                self.chains.insert(chain.to_owned());
            }
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let ours = |word: &str| word.starts_with(OUR_PREFIX);
            if !ours(rule) && rule.rsplit(' ').next().is_some_and(ours) {
                self.jumps.push(rule.to_owned());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.jumps.is_empty()
    }

    /// Declares (and so empties) old and new chains, then removes the jumps and the chains that are no longer used.
    fn declare_and_remove(&self, keep: &[ChainName], out: &mut String) {
        let keep: BTreeSet<&str> = keep.iter().map(|chain| chain.iptables()).collect();
        for chain in self
            .chains
            .iter()
            .map(String::as_str)
            .chain(keep.iter().copied())
            .collect::<BTreeSet<_>>()
        {
            let _ = writeln!(out, ":{chain} - [0:0]");
        }
        for jump in &self.jumps {
            let _ = writeln!(out, "-D {jump}");
        }
        for chain in self
            .chains
            .iter()
            .filter(|chain| !keep.contains(chain.as_str()))
        {
            let _ = writeln!(out, "-X {chain}");
        }
    }
}

fn chains(rules: &RuleSet, table: TableName) -> Vec<ChainName> {
    let table = rules.tables().find(|(name, _)| *name == table);
    table
        .map(|(_, table)| table.chains().map(|(name, _)| name).collect())
        .unwrap_or_default()
}

fn add_chain(
    rules: &RuleSet,
    table: TableName,
    chain: ChainName,
    family: AddressFamily,
    out: &mut String,
) {
    if let Some(hook) = chain.hook() {
        let _ = writeln!(out, "-A {} -j {}", hook.iptables(), chain.iptables());
    }
    for rule in rules.chain(table, chain) {
        if rule
            .address_family()
            .is_none_or(|limited| limited == family)
        {
            let _ = writeln!(out, "-A {}{}", chain.iptables(), line(rule));
        }
    }
}

fn line(rule: &Rule) -> String {
    let mut out = String::new();
    if let Some(transport) = transport(rule) {
        let _ = write!(out, " -p {transport}");
    }
    for matched in &rule.matches {
        out.push_str(&words(matched));
    }
    out.push_str(&action(rule.action));
    out
}

/// The protocol that the rule names. It comes once and first, since port matches depend on it.
fn transport(rule: &Rule) -> Option<&'static str> {
    rule.matches
        .iter()
        .find_map(|matched| match matched.test() {
            Test::Transport(transport) | Test::Port(transport, _) => Some(transport.name()),
            Test::Source(_)
            | Test::Destination(_)
            | Test::InInterface(_)
            | Test::OutInterface(_)
            | Test::Uid(_)
            | Test::Gid(_)
            | Test::Mark(_)
            | Test::ConnMark(_)
            | Test::ConnState(_) => None,
        })
}

fn words(matched: &Match) -> String {
    let (not, test) = match matched {
        Match::Is(test) => ("", test),
        Match::Not(test) => (" !", test),
    };
    match test {
        Test::Transport(_) => String::new(),
        Test::Port(_, port) => format!("{not} --dport {port}"),
        Test::Source(range) => format!("{not} -s {range}"),
        Test::Destination(range) => format!("{not} -d {range}"),
        Test::InInterface(name) => format!("{not} -i {name}"),
        Test::OutInterface(name) => format!("{not} -o {name}"),
        Test::Uid(id) => format!(" -m owner{not} --uid-owner {id}"),
        Test::Gid(id) => format!(" -m owner{not} --gid-owner {id}"),
        Test::Mark(mark) => format!(" -m mark{not} --mark {mark}"),
        Test::ConnMark(mark) => format!(" -m connmark{not} --mark {mark}"),
        Test::ConnState(ConnState::Invalid) => format!(" -m conntrack{not} --ctstate INVALID"),
        Test::ConnState(ConnState::RelatedOrEstablished) => {
            format!(" -m conntrack{not} --ctstate RELATED,ESTABLISHED")
        }
    }
}

fn action(action: Action) -> String {
    match action {
        Action::Return => " -j RETURN".to_owned(),
        Action::Accept => " -j ACCEPT".to_owned(),
        Action::Drop => " -j DROP".to_owned(),
        Action::Jump(chain) => format!(" -j {}", chain.iptables()),
        Action::Redirect(port) => format!(" -j REDIRECT --to-ports {port}"),
        Action::Tproxy { port, mark } => {
            format!(" -j TPROXY --on-port {port} --tproxy-mark {mark}/0xffffffff")
        }
        Action::SetMark(mark) => format!(" -j MARK --set-mark {mark}"),
        Action::SaveMark => " -j CONNMARK --save-mark".to_owned(),
        Action::RestoreMark => " -j CONNMARK --restore-mark".to_owned(),
    }
}
