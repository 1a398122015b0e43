//! Rules that hand requests on to the rules of another object.

use crate::model::http_action::{HeaderChanges, HeaderOps, HttpAction};
use crate::model::http_match::{HttpMatch, StringMatch};
use crate::model::route::{HttpRoute, SourceMatch, VirtualService};
use crate::model::{Labels, Name};
use crate::store::Snapshot;
use std::sync::Arc;

/// The rules with those of their delegates in place. One level only: a delegate that delegates has no effect there.
pub(super) fn resolved(world: &Snapshot, rules: &Arc<VirtualService>) -> Arc<VirtualService> {
    if !rules.http.iter().any(|rule| delegate_of(rule).is_some()) {
        return rules.clone();
    }
    let http = rules.http.iter().flat_map(|rule| match delegate_of(rule) {
        None => vec![rule.clone()],
        Some((namespace, name)) => {
            let delegate = world.virtual_service_named(namespace, name);
            let steps = delegate
                .map(|delegate| delegate.http.as_slice())
                .unwrap_or_default();
            steps
                .iter()
                .filter(|step| delegate_of(step).is_none())
                .filter_map(|step| merged(rule, step))
                .collect()
        }
    });
    let http = http.collect();
    Arc::new(VirtualService {
        http,
        ..(**rules).clone()
    })
}

fn delegate_of(rule: &HttpRoute) -> Option<(&Name, &Name)> {
    match &rule.action {
        HttpAction::Delegate { namespace, name } => Some((namespace, name)),
        HttpAction::Forward(_) | HttpAction::Redirect(_) | HttpAction::DirectResponse(_) => None,
    }
}

/// The delegate's rule under the conditions of the root's; `None` where no request can meet both. What the delegate says
/// comes before what the root says.
fn merged(root: &HttpRoute, step: &HttpRoute) -> Option<HttpRoute> {
    let matches = match (root.matches.as_slice(), step.matches.as_slice()) {
        ([], own) => own.to_vec(),
        (given, []) => given.to_vec(),
        (given, own) => {
            let pairs = given
                .iter()
                .flat_map(|root| own.iter().filter_map(|step| both(root, step)));
            let matches: Vec<_> = pairs.collect();
            if matches.is_empty() {
                return None;
            }
            matches
        }
    };
    Some(HttpRoute {
        index: root.index,
        name: joined(&root.name, &step.name),
        matches,
        action: step.action.clone(),
        timeout: step.timeout.or(root.timeout),
        retries: step.retries.clone().or_else(|| root.retries.clone()),
        fault: step.fault.clone().or_else(|| root.fault.clone()),
        mirrors: if step.mirrors.is_empty() {
            root.mirrors.clone()
        } else {
            step.mirrors.clone()
        },
        cors: step.cors.clone().or_else(|| root.cors.clone()),
        rewrite: step.rewrite.clone().or_else(|| root.rewrite.clone()),
        headers: HeaderOps {
            request: changes(&root.headers.request, &step.headers.request),
            response: changes(&root.headers.response, &step.headers.response),
        },
    })
}

fn joined(root: &Name, step: &Name) -> Name {
    match (root.is_empty(), step.is_empty()) {
        (_, true) => root.clone(),
        (true, false) => step.clone(),
        (false, false) => format!("{root}-{step}").into(),
    }
}

/// Both conditions at once; `None` where they contradict each other.
fn both(root: &HttpMatch, step: &HttpMatch) -> Option<HttpMatch> {
    let pairs = |root: &[(Name, _)], step: &[(Name, _)]| {
        let mut all = step.to_vec();
        all.extend(
            root.iter()
                .filter(|(name, _)| step.iter().all(|(own, _)| own != name))
                .cloned(),
        );
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    };
    Some(HttpMatch {
        name: joined(&root.name, &step.name),
        uri: narrowed(root.uri.as_ref(), step.uri.as_ref())?,
        ignore_uri_case: root.ignore_uri_case || step.ignore_uri_case,
        scheme: narrowed(root.scheme.as_ref(), step.scheme.as_ref())?,
        method: narrowed(root.method.as_ref(), step.method.as_ref())?,
        authority: narrowed(root.authority.as_ref(), step.authority.as_ref())?,
        headers: pairs(&root.headers, &step.headers),
        without_headers: pairs(&root.without_headers, &step.without_headers),
        query_params: pairs(&root.query_params, &step.query_params),
        port: same(root.port, step.port)?,
        source: source(&root.source, &step.source)?,
        stat_prefix: step
            .stat_prefix
            .clone()
            .or_else(|| root.stat_prefix.clone()),
    })
}

/// The narrower of two conditions: a delegate's must lie inside the root's. The outer `None` is a contradiction.
#[allow(clippy::option_option)] // "Contradiction" and "no condition" are different answers.
fn narrowed(root: Option<&StringMatch>, step: Option<&StringMatch>) -> Option<Option<StringMatch>> {
    let (Some(root), Some(step)) = (root, step) else {
        return Some(root.or(step).cloned());
    };
    let inside = match (root, step) {
        (StringMatch::Prefix(outer), StringMatch::Exact(inner) | StringMatch::Prefix(inner)) => {
            inner.starts_with(&**outer)
        }
        (StringMatch::Exact(_) | StringMatch::Prefix(_) | StringMatch::Regex(_), _) => root == step,
    };
    inside.then(|| Some(step.clone()))
}

#[allow(clippy::option_option)] // As above.
fn same<T: PartialEq>(root: Option<T>, step: Option<T>) -> Option<Option<T>> {
    match (root, step) {
        (Some(root), Some(step)) => (root == step).then_some(Some(step)),
        (root, step) => Some(step.or(root)),
    }
}

fn source(root: &SourceMatch, step: &SourceMatch) -> Option<SourceMatch> {
    let contradicts =
        |(key, value): (&Name, &Name)| step.labels.get(key).is_some_and(|own| *own != **value);
    if root.labels.iter().any(contradicts) {
        return None;
    }
    let labels: Labels = root
        .labels
        .iter()
        .chain(step.labels.iter())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Some(SourceMatch {
        labels,
        namespace: same(root.namespace.clone(), step.namespace.clone())?,
        gateways: if step.gateways.is_empty() {
            root.gateways.clone()
        } else {
            step.gateways.clone()
        },
    })
}

fn changes(root: &HeaderChanges, step: &HeaderChanges) -> HeaderChanges {
    let both = |root: &[(Name, Name)], step: &[(Name, Name)]| {
        let kept = root
            .iter()
            .filter(|(name, _)| step.iter().all(|(own, _)| own != name));
        let mut all: Vec<_> = kept.chain(step).cloned().collect();
        all.sort();
        all
    };
    let mut remove = root.remove.clone();
    remove.extend(
        step.remove
            .iter()
            .filter(|name| !root.remove.contains(name))
            .cloned(),
    );
    HeaderChanges {
        set: both(&root.set, &step.set),
        add: both(&root.add, &step.add),
        remove,
    }
}
