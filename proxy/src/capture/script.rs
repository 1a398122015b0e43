//! The rules as an nft script, for `--dry-run`.

use std::fmt::Write;

use super::address_family::AddressFamily;
use super::rule::{Action, ConnState, Hook, Match, Rule, RuleSet, TableName, Test};

/// The rules in the syntax of `nft -f`: each table is replaced as a whole.
pub fn nft_script(rules: &RuleSet) -> String {
    let mut out = String::new();
    for (name, table) in rules.tables() {
        let table_name = name.nft();
        let _ = writeln!(
            out,
            "table inet {table_name}\ndelete table inet {table_name}\ntable inet {table_name} {{"
        );
        for (chain_name, _) in table.chains() {
            let hook = chain_name.hook().map(|at| hook(name, at));
            let (chain, hook) = (chain_name.nft(), hook.unwrap_or_default());
            let _ = writeln!(out, "  chain {chain} {{{hook} }}");
        }
        for (chain_name, chain) in table.chains() {
            let _ = writeln!(out, "  chain {} {{", chain_name.nft());
            for rule in &chain.rules {
                let _ = writeln!(out, "    {}", line(rule));
            }
            let _ = writeln!(out, "  }}");
        }
        let _ = writeln!(out, "}}");
    }
    out
}

fn hook(table: TableName, hook: Hook) -> String {
    let (kind, priority) = match (table, hook) {
        (TableName::Nat, _) => ("nat", -100),
        (TableName::Mangle, Hook::Output) => ("route", -150),
        (TableName::Mangle, Hook::Prerouting) => ("filter", -150),
        (TableName::Raw, _) => ("filter", -300),
    };
    let hook = hook.nft();
    format!(" type {kind} hook {hook} priority {priority}; policy accept;")
}

fn line(rule: &Rule) -> String {
    let mut words: Vec<String> = rule.matches.iter().map(matched).collect();
    words.push("counter".to_owned());
    words.push(action(rule));
    words.join(" ")
}

fn matched(matched: &Match) -> String {
    let (not, test) = match matched {
        Match::Is(test) => ("", test),
        Match::Not(test) => ("!= ", test),
    };
    match test {
        Test::Transport(transport) => format!("meta l4proto {not}{}", transport.name()),
        Test::Port(transport, port) => format!("{} dport {not}{port}", transport.name()),
        Test::Source(range) => format!("{} saddr {not}{range}", ip(AddressFamily::of(range))),
        Test::Destination(range) => format!("{} daddr {not}{range}", ip(AddressFamily::of(range))),
        Test::InInterface(name) => format!("iifname {not}\"{name}\""),
        Test::OutInterface(name) => format!("oifname {not}\"{name}\""),
        Test::Uid(id) => format!("meta skuid {not}{id}"),
        Test::Gid(id) => format!("meta skgid {not}{id}"),
        Test::Mark(mark) => format!("meta mark {not}{mark}"),
        Test::ConnMark(mark) => format!("ct mark {not}{mark}"),
        Test::ConnState(ConnState::Invalid) => format!("ct state {not}invalid"),
        Test::ConnState(ConnState::RelatedOrEstablished) => {
            format!("ct state {not}established,related")
        }
    }
}

fn ip(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::V4 => "ip",
        AddressFamily::V6 => "ip6",
    }
}

fn action(rule: &Rule) -> String {
    match rule.action {
        Action::Return => "return".to_owned(),
        Action::Accept => "accept".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::Jump(chain) => format!("jump {}", chain.nft()),
        Action::Redirect(port) => format!("redirect to :{port}"),
        Action::Tproxy { port, mark } => {
            let family = rule.address_family().map(ip).unwrap_or_default();
            format!("tproxy {family} to :{port} meta mark set {mark} accept")
        }
        Action::SetMark(mark) => format!("meta mark set {mark}"),
        Action::SaveMark => "ct mark set meta mark".to_owned(),
        Action::RestoreMark => "meta mark set ct mark".to_owned(),
    }
}
