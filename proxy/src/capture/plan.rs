//! From configuration to rules. Pure; the order of rules is Istio's.

#[cfg(test)]
mod tests;

use super::config::{Config, InterceptionMode, ProxyOwner};
use super::rule::{Action, ChainName, ConnState, Match, Rule, RuleSet, TableName, Test};
use super::{inbound, outbound, tproxy};

/// The rules that a configuration stands for.
pub fn rules(config: &Config) -> RuleSet {
    let mut rules = RuleSet::default();
    outbound::reroute_virtual_interfaces(config, &mut rules);
    leave_out_interfaces(config, &mut rules);
    drop_invalid(config, &mut rules);
    match config.mode {
        InterceptionMode::Redirect => inbound::redirect(config, &mut rules),
        InterceptionMode::Tproxy { mark, .. } => tproxy::intercept(config, mark, &mut rules),
    }
    outbound::capture(config, &mut rules);
    rules
}

/// The tests by which the proxy's own traffic is known, one per id.
pub(super) fn owners(proxy: &ProxyOwner) -> Vec<Test> {
    match proxy {
        ProxyOwner::Ids { uids, gids } => {
            let users = uids.iter().copied().map(Test::Uid);
            users.chain(gids.iter().copied().map(Test::Gid)).collect()
        }
        ProxyOwner::Mark(mark) => vec![Test::Mark(*mark)],
    }
}

fn leave_out_interfaces(config: &Config, rules: &mut RuleSet) {
    let tables: &[TableName] = match config.mode {
        InterceptionMode::Redirect => &[TableName::Nat],
        InterceptionMode::Tproxy { .. } => &[TableName::Nat, TableName::Mangle],
    };
    for table in tables {
        for name in &config.exclude_interfaces {
            let arriving = Match::Is(Test::InInterface(name.clone()));
            let departing = Match::Is(Test::OutInterface(name.clone()));
            rules.push(
                *table,
                ChainName::Prerouting,
                Rule::new([arriving], Action::Return),
            );
            rules.push(
                *table,
                ChainName::Output,
                Rule::new([departing], Action::Return),
            );
        }
    }
}

fn drop_invalid(config: &Config, rules: &mut RuleSet) {
    if config.drop_invalid {
        let invalid = Match::Is(Test::ConnState(ConnState::Invalid));
        let jump = Rule::new([invalid], Action::Jump(ChainName::Drop));
        rules.push(TableName::Mangle, ChainName::Prerouting, jump);
        rules.push(
            TableName::Mangle,
            ChainName::Drop,
            Rule::always(Action::Drop),
        );
    }
}
