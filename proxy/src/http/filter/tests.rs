use super::*;

fn verdict(verdict: Verdict) -> RbacVerdict {
    RbacVerdict {
        verdict,
        policy: None,
    }
}

fn guard(name: &str, own: Verdict) -> Filter {
    Filter {
        name: name.into(),
        enabled: true,
        kind: FilterKind::Rbac(verdict(own)),
    }
}

fn chain(filters: &[(&str, Verdict)]) -> Filters {
    Filters {
        chain: filters
            .iter()
            .map(|(name, own)| guard(name, *own))
            .collect(),
    }
}

fn cross_origin() -> Arc<CorsPolicy> {
    Arc::new(CorsPolicy {
        allow_origins: Vec::new(),
        allow_methods: None,
        allow_headers: None,
        expose_headers: None,
        max_age: None,
        allow_credentials: false,
        forward_unmatched_preflights: true,
    })
}

fn says(overrides: &[(&str, RouteFilter)]) -> PerFilter {
    let filters = overrides.iter();
    PerFilter {
        filters: filters
            .map(|(name, said)| ((*name).into(), said.clone()))
            .collect(),
        ..PerFilter::default()
    }
}

fn route(overrides: &[(&str, Verdict)]) -> PerFilter {
    let rbac = overrides.iter();
    let rbac: Vec<_> = rbac
        .map(|(name, own)| (*name, RouteFilter::Rbac(verdict(*own))))
        .collect();
    says(&rbac)
}

#[test]
fn a_route_that_denies_does_so_whatever_filters_there_are() {
    let denies = route(&[("authz", Verdict::Deny)]);
    assert!(chain(&[]).denial(&denies).is_some());
    let open = chain(&[("authz", Verdict::Allow)]);
    assert!(open.denial(&denies).is_some());
    assert!(open.denial(&PerFilter::default()).is_none());
}

#[test]
fn a_route_that_allows_speaks_for_the_filter_of_that_name_only() {
    let allows = route(&[("first", Verdict::Allow)]);
    assert!(chain(&[("first", Verdict::Deny)]).denial(&allows).is_none());
    assert!(
        chain(&[("first", Verdict::Deny), ("second", Verdict::Deny)])
            .denial(&allows)
            .is_some()
    );
}

#[test]
fn the_inner_level_counts_for_each_filter_by_itself() {
    let outer = route(&[("first", Verdict::Deny), ("second", Verdict::Allow)]);
    let inner = route(&[("first", Verdict::Allow)]).or(&outer);
    let closed = chain(&[("first", Verdict::Deny), ("second", Verdict::Deny)]);
    assert!(closed.denial(&inner).is_none());
    let third = route(&[("third", Verdict::Allow)]).or(&outer);
    assert!(third.rbac_denial().is_some());
}

#[test]
fn a_disabled_guard_that_a_route_enables_judges_by_its_own_rules() {
    let mut filters = chain(&[("authz", Verdict::Deny)]);
    filters.chain[0].enabled = false;
    assert!(filters.denial(&PerFilter::default()).is_none());
    let enabled = says(&[("authz", RouteFilter::On)]);
    assert!(filters.denial(&enabled).is_some());
    let again = says(&[("authz", RouteFilter::Off)]).or(&enabled);
    assert!(filters.denial(&again).is_none());
}

#[test]
fn a_route_that_enables_a_filter_of_an_unknown_kind_is_closed() {
    let unknown = Filter {
        name: "custom".into(),
        enabled: false,
        kind: FilterKind::Unknown(verdict(Verdict::Deny)),
    };
    let filters = Filters {
        chain: vec![unknown],
    };
    assert!(filters.denial(&PerFilter::default()).is_none());
    assert!(
        filters
            .denial(&says(&[("custom", RouteFilter::On)]))
            .is_some()
    );
}

#[test]
fn faults_and_cross_origin_policies_follow_the_name_of_their_filter() {
    let own = Arc::new(FaultPolicy::default());
    let others = Arc::new(FaultPolicy::default());
    let named = |name: &str, kind| Filter {
        name: name.into(),
        enabled: true,
        kind,
    };
    let filters = Filters {
        chain: vec![
            named("fault", FilterKind::Fault(Arc::clone(&own))),
            named("cors", FilterKind::Cors),
        ],
    };
    let chosen = |route: &PerFilter| {
        filters.in_force(route).find_map(|found| match found {
            InForce::Fault(policy) => Some(Arc::clone(policy)),
            InForce::Cors(_) => None,
        })
    };
    let same =
        |route: &PerFilter, policy| chosen(route).is_some_and(|one| Arc::ptr_eq(&one, policy));
    let replaced = RouteFilter::Fault(Arc::clone(&others));
    assert!(same(&says(&[("another", replaced.clone())]), &own));
    assert!(same(&says(&[("fault", replaced)]), &others));
    assert!(chosen(&says(&[("fault", RouteFilter::Off)])).is_none());
    let old = PerFilter {
        cors: Some(cross_origin()),
        ..PerFilter::default()
    };
    assert!(filters.cors(&old).is_some());
    assert!(
        filters
            .cors(&says(&[("cors", RouteFilter::Off)]).or(&old))
            .is_none()
    );
}
