// Generated from the descriptor set.

static SHAPES: &[Shape] = &[
    Shape {
        name: "cel.expr.CheckedExpr",
        fields: &[
            (2, Field::Map(None)),
            (3, Field::Map(None)),
            (5, Field::Message(2)),
        ],
    },
    Shape {
        name: "cel.expr.ParsedExpr",
        fields: &[(3, Field::Message(2))],
    },
    Shape {
        name: "cel.expr.SourceInfo",
        fields: &[(4, Field::Map(None)), (5, Field::Map(None))],
    },
    Shape {
        name: "envoy.admin.v3.BootstrapConfigDump",
        fields: &[(1, Field::Message(6))],
    },
    Shape {
        name: "envoy.admin.v3.ServerInfo",
        fields: &[(7, Field::Message(44))],
    },
    Shape {
        name: "envoy.admin.v3.TapRequest",
        fields: &[(2, Field::Message(83))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.Bootstrap",
        fields: &[
            (1, Field::Message(44)),
            (2, Field::Message(10)),
            (3, Field::Message(9)),
            (4, Field::Message(11)),
            (14, Field::Message(29)),
            (17, Field::Message(13)),
            (22, Field::Message(31)),
            (23, Field::Message(31)),
            (25, Field::Map(None)),
            (38, Field::Message(7)),
        ],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.Bootstrap.ApplicationLogConfig",
        fields: &[(1, Field::Message(8))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.Bootstrap.ApplicationLogConfig.LogFormat",
        fields: &[(1, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.Bootstrap.DynamicResources",
        fields: &[
            (1, Field::Message(31)),
            (2, Field::Message(31)),
            (3, Field::Message(29)),
        ],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.Bootstrap.StaticResources",
        fields: &[
            (1, Field::Message(60)),
            (2, Field::Message(17)),
            (3, Field::Message(268)),
        ],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.ClusterManager",
        fields: &[(2, Field::Message(12)), (4, Field::Message(29))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.ClusterManager.OutlierDetection",
        fields: &[(2, Field::Message(32))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.LayeredRuntime",
        fields: &[(1, Field::Message(15))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.Runtime",
        fields: &[(4, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.RuntimeLayer",
        fields: &[(2, Field::Message(327)), (5, Field::Message(16))],
    },
    Shape {
        name: "envoy.config.bootstrap.v3.RuntimeLayer.RtdsLayer",
        fields: &[(2, Field::Message(31))],
    },
    Shape {
        name: "envoy.config.cluster.v3.Cluster",
        fields: &[
            (3, Field::Message(18)),
            (8, Field::Message(38)),
            (22, Field::Message(19)),
            (25, Field::Message(43)),
            (33, Field::Message(49)),
            (36, Field::Map(None)),
            (40, Field::Message(22)),
            (42, Field::Message(31)),
            (43, Field::Message(20)),
            (59, Field::Message(338)),
        ],
    },
    Shape {
        name: "envoy.config.cluster.v3.Cluster.EdsClusterConfig",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.config.cluster.v3.Cluster.LbSubsetConfig",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.cluster.v3.Cluster.TransportSocketMatch",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.cluster.v3.ClusterCollection",
        fields: &[(1, Field::Message(334))],
    },
    Shape {
        name: "envoy.config.cluster.v3.Filter",
        fields: &[(3, Field::Message(34))],
    },
    Shape {
        name: "envoy.config.common.matcher.v3.Matcher",
        fields: &[
            (1, Field::Message(24)),
            (2, Field::Message(26)),
            (3, Field::Message(28)),
        ],
    },
    Shape {
        name: "envoy.config.common.matcher.v3.Matcher.MatcherList",
        fields: &[(1, Field::Message(25))],
    },
    Shape {
        name: "envoy.config.common.matcher.v3.Matcher.MatcherList.FieldMatcher",
        fields: &[(2, Field::Message(28))],
    },
    Shape {
        name: "envoy.config.common.matcher.v3.Matcher.MatcherTree",
        fields: &[(2, Field::Message(27)), (3, Field::Message(27))],
    },
    Shape {
        name: "envoy.config.common.matcher.v3.Matcher.MatcherTree.MatchMap",
        fields: &[(1, Field::Map(Some(28)))],
    },
    Shape {
        name: "envoy.config.common.matcher.v3.Matcher.OnMatch",
        fields: &[(1, Field::Message(23))],
    },
    Shape {
        name: "envoy.config.core.v3.ApiConfigSource",
        fields: &[(4, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.core.v3.BuildVersion",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.core.v3.ConfigSource",
        fields: &[(2, Field::Message(29))],
    },
    Shape {
        name: "envoy.config.core.v3.EventServiceConfig",
        fields: &[(1, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.core.v3.Extension",
        fields: &[(4, Field::Message(30))],
    },
    Shape {
        name: "envoy.config.core.v3.ExtensionConfigSource",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.config.core.v3.GrpcService",
        fields: &[(2, Field::Message(36))],
    },
    Shape {
        name: "envoy.config.core.v3.GrpcService.GoogleGrpc",
        fields: &[(6, Field::Message(327)), (8, Field::Message(37))],
    },
    Shape {
        name: "envoy.config.core.v3.GrpcService.GoogleGrpc.ChannelArgs",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.config.core.v3.HealthCheck",
        fields: &[
            (9, Field::Message(39)),
            (22, Field::Message(32)),
            (23, Field::Message(327)),
        ],
    },
    Shape {
        name: "envoy.config.core.v3.HealthCheck.TcpHealthCheck",
        fields: &[(3, Field::Message(46))],
    },
    Shape {
        name: "envoy.config.core.v3.KeyValueAppend",
        fields: &[(3, Field::Message(42))],
    },
    Shape {
        name: "envoy.config.core.v3.KeyValueMutation",
        fields: &[(1, Field::Message(40))],
    },
    Shape {
        name: "envoy.config.core.v3.KeyValuePair",
        fields: &[(2, Field::Message(328))],
    },
    Shape {
        name: "envoy.config.core.v3.Metadata",
        fields: &[(1, Field::Map(Some(327))), (2, Field::Map(None))],
    },
    Shape {
        name: "envoy.config.core.v3.Node",
        fields: &[
            (3, Field::Message(327)),
            (8, Field::Message(30)),
            (9, Field::Message(33)),
            (12, Field::Map(Some(335))),
        ],
    },
    Shape {
        name: "envoy.config.core.v3.PerHostConfig",
        fields: &[(1, Field::Message(48))],
    },
    Shape {
        name: "envoy.config.core.v3.ProxyProtocolConfig",
        fields: &[(3, Field::Message(48))],
    },
    Shape {
        name: "envoy.config.core.v3.SubstitutionFormatString",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.core.v3.TlvEntry",
        fields: &[(3, Field::Message(47))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.ClusterLoadAssignment",
        fields: &[(2, Field::Message(54)), (5, Field::Map(None))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.ClusterStats",
        fields: &[(2, Field::Message(57))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.LbEndpoint",
        fields: &[(3, Field::Message(43))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.LbEndpointCollection",
        fields: &[(1, Field::Message(334))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.LedsClusterLocalityConfig",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.LocalityLbEndpoints",
        fields: &[
            (2, Field::Message(51)),
            (7, Field::Message(55)),
            (8, Field::Message(53)),
            (9, Field::Message(43)),
        ],
    },
    Shape {
        name: "envoy.config.endpoint.v3.LocalityLbEndpoints.LbEndpointList",
        fields: &[(1, Field::Message(51))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.UpstreamEndpointStats",
        fields: &[(6, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.endpoint.v3.UpstreamLocalityStats",
        fields: &[(7, Field::Message(56))],
    },
    Shape {
        name: "envoy.config.listener.v3.Filter",
        fields: &[(5, Field::Message(34))],
    },
    Shape {
        name: "envoy.config.listener.v3.FilterChain",
        fields: &[(3, Field::Message(58)), (5, Field::Message(43))],
    },
    Shape {
        name: "envoy.config.listener.v3.Listener",
        fields: &[
            (3, Field::Message(59)),
            (6, Field::Message(43)),
            (9, Field::Message(63)),
            (25, Field::Message(59)),
            (32, Field::Message(338)),
            (36, Field::Message(61)),
        ],
    },
    Shape {
        name: "envoy.config.listener.v3.Listener.FcdsConfig",
        fields: &[(2, Field::Message(31))],
    },
    Shape {
        name: "envoy.config.listener.v3.ListenerCollection",
        fields: &[(1, Field::Message(334))],
    },
    Shape {
        name: "envoy.config.listener.v3.ListenerFilter",
        fields: &[(5, Field::Message(34))],
    },
    Shape {
        name: "envoy.config.metrics.v3.MetricsServiceConfig",
        fields: &[(1, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.ratelimit.v3.RateLimitServiceConfig",
        fields: &[(2, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.rbac.v3.Policy",
        fields: &[(4, Field::Message(323))],
    },
    Shape {
        name: "envoy.config.rbac.v3.RBAC",
        fields: &[(2, Field::Map(Some(66)))],
    },
    Shape {
        name: "envoy.config.route.v3.DirectResponseAction",
        fields: &[(3, Field::Message(47))],
    },
    Shape {
        name: "envoy.config.route.v3.Route",
        fields: &[
            (2, Field::Message(70)),
            (4, Field::Message(43)),
            (7, Field::Message(68)),
            (13, Field::Map(None)),
        ],
    },
    Shape {
        name: "envoy.config.route.v3.RouteAction",
        fields: &[
            (3, Field::Message(78)),
            (4, Field::Message(43)),
            (25, Field::Message(71)),
        ],
    },
    Shape {
        name: "envoy.config.route.v3.RouteAction.UpgradeConfig",
        fields: &[(3, Field::Message(72))],
    },
    Shape {
        name: "envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig",
        fields: &[(1, Field::Message(46))],
    },
    Shape {
        name: "envoy.config.route.v3.RouteConfiguration",
        fields: &[
            (2, Field::Message(77)),
            (9, Field::Message(76)),
            (16, Field::Map(None)),
            (17, Field::Message(43)),
        ],
    },
    Shape {
        name: "envoy.config.route.v3.RouteList",
        fields: &[(1, Field::Message(69))],
    },
    Shape {
        name: "envoy.config.route.v3.ScopedRouteConfiguration",
        fields: &[(5, Field::Message(73))],
    },
    Shape {
        name: "envoy.config.route.v3.Vhds",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.config.route.v3.VirtualHost",
        fields: &[
            (3, Field::Message(69)),
            (15, Field::Map(None)),
            (21, Field::Message(338)),
            (24, Field::Message(43)),
        ],
    },
    Shape {
        name: "envoy.config.route.v3.WeightedCluster",
        fields: &[(1, Field::Message(79))],
    },
    Shape {
        name: "envoy.config.route.v3.WeightedCluster.ClusterWeight",
        fields: &[(3, Field::Message(43)), (10, Field::Map(None))],
    },
    Shape {
        name: "envoy.config.tap.v3.OutputConfig",
        fields: &[(1, Field::Message(81))],
    },
    Shape {
        name: "envoy.config.tap.v3.OutputSink",
        fields: &[(4, Field::Message(82))],
    },
    Shape {
        name: "envoy.config.tap.v3.StreamingGrpcSink",
        fields: &[(2, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.tap.v3.TapConfig",
        fields: &[(2, Field::Message(80))],
    },
    Shape {
        name: "envoy.config.trace.v3.DynamicOtConfig",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.config.trace.v3.OpenTelemetryConfig",
        fields: &[(1, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.trace.v3.SkyWalkingConfig",
        fields: &[(1, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.trace.v3.TraceServiceConfig",
        fields: &[(1, Field::Message(35))],
    },
    Shape {
        name: "envoy.config.trace.v3.XRayConfig",
        fields: &[(4, Field::Message(89))],
    },
    Shape {
        name: "envoy.config.trace.v3.XRayConfig.SegmentFields",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.data.accesslog.v3.AccessLogCommon",
        fields: &[
            (17, Field::Message(43)),
            (21, Field::Map(None)),
            (22, Field::Map(None)),
        ],
    },
    Shape {
        name: "envoy.data.accesslog.v3.HTTPAccessLogEntry",
        fields: &[
            (1, Field::Message(90)),
            (3, Field::Message(92)),
            (4, Field::Message(93)),
        ],
    },
    Shape {
        name: "envoy.data.accesslog.v3.HTTPRequestProperties",
        fields: &[(13, Field::Map(None))],
    },
    Shape {
        name: "envoy.data.accesslog.v3.HTTPResponseProperties",
        fields: &[(4, Field::Map(None)), (5, Field::Map(None))],
    },
    Shape {
        name: "envoy.data.accesslog.v3.TCPAccessLogEntry",
        fields: &[(1, Field::Message(90))],
    },
    Shape {
        name: "envoy.data.core.v3.HealthCheckEvent",
        fields: &[(10, Field::Message(43))],
    },
    Shape {
        name: "envoy.data.core.v3.TlvsMetadata",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        fields: &[
            (3, Field::Message(327)),
            (4, Field::Message(327)),
            (5, Field::Message(47)),
        ],
    },
    Shape {
        name: "envoy.extensions.access_loggers.filters.process_ratelimit.v3.DynamicTokenBucket",
        fields: &[(2, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.filters.process_ratelimit.v3.ProcessRateLimitFilter",
        fields: &[(1, Field::Message(98))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig",
        fields: &[(6, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig",
        fields: &[(2, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
        fields: &[(1, Field::Message(101))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig",
        fields: &[(1, Field::Message(101))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
        fields: &[(1, Field::Message(101)), (9, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stats.v3.Config",
        fields: &[
            (3, Field::Message(108)),
            (4, Field::Message(106)),
            (5, Field::Message(107)),
        ],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stats.v3.Config.Counter",
        fields: &[(1, Field::Message(109))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stats.v3.Config.Gauge",
        fields: &[(1, Field::Message(109))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stats.v3.Config.Histogram",
        fields: &[(1, Field::Message(109))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stats.v3.Config.Stat",
        fields: &[(2, Field::Message(110))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stats.v3.Config.Tag",
        fields: &[(3, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
        fields: &[(1, Field::Message(47))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        fields: &[(1, Field::Message(47))],
    },
    Shape {
        name: "envoy.extensions.access_loggers.wasm.v3.WasmAccessLog",
        fields: &[(1, Field::Message(273))],
    },
    Shape {
        name: "envoy.extensions.clusters.aggregate.v3.AggregateClusterResource",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        fields: &[(1, Field::Message(23)), (3, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute",
        fields: &[(1, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.common.tap.v3.CommonExtensionConfig",
        fields: &[(2, Field::Message(83))],
    },
    Shape {
        name: "envoy.extensions.content_parsers.json.v3.JsonContentParser",
        fields: &[(1, Field::Message(119))],
    },
    Shape {
        name: "envoy.extensions.content_parsers.json.v3.JsonContentParser.RuleConfig",
        fields: &[(1, Field::Message(151))],
    },
    Shape {
        name: "envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue",
        fields: &[(2, Field::Message(47))],
    },
    Shape {
        name: "envoy.extensions.filters.http.a2a.v3.A2a",
        fields: &[(4, Field::Message(122))],
    },
    Shape {
        name: "envoy.extensions.filters.http.a2a.v3.ParserConfig",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.aws_eventstream_parser.v3.AwsEventstreamParser",
        fields: &[(1, Field::Message(126))],
    },
    Shape {
        name: "envoy.extensions.filters.http.aws_eventstream_parser.v3.AwsEventstreamParser.HeaderKeyValuePair",
        fields: &[(3, Field::Message(328))],
    },
    Shape {
        name: "envoy.extensions.filters.http.aws_eventstream_parser.v3.AwsEventstreamParser.HeaderRule",
        fields: &[(2, Field::Message(124)), (3, Field::Message(124))],
    },
    Shape {
        name: "envoy.extensions.filters.http.aws_eventstream_parser.v3.AwsEventstreamParser.ProcessingRules",
        fields: &[(2, Field::Message(125))],
    },
    Shape {
        name: "envoy.extensions.filters.http.bandwidth_share.v3.BandwidthShare",
        fields: &[(6, Field::Message(338)), (7, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.composite.v3.Composite",
        fields: &[(1, Field::Map(None)), (2, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.filters.http.composite.v3.CompositePerRoute",
        fields: &[(1, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.filters.http.composite.v3.DynamicConfig",
        fields: &[(2, Field::Message(34))],
    },
    Shape {
        name: "envoy.extensions.filters.http.composite.v3.ExecuteFilterAction",
        fields: &[(2, Field::Message(130))],
    },
    Shape {
        name: "envoy.extensions.filters.http.custom_response.v3.CustomResponse",
        fields: &[(1, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.filters.http.ext_authz.v3.CheckSettings",
        fields: &[(1, Field::Map(None)), (4, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        fields: &[(1, Field::Message(35)), (28, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        fields: &[(2, Field::Message(133))],
    },
    Shape {
        name: "envoy.extensions.filters.http.ext_proc.v3.ExtProcOverrides",
        fields: &[(5, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
        fields: &[(2, Field::Message(136))],
    },
    Shape {
        name: "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        fields: &[(1, Field::Message(35)), (13, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.filters.http.fault.v3.HTTPFault",
        fields: &[(16, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.filters.http.file_server.v3.FileServerConfig",
        fields: &[(3, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.grpc_field_extraction.v3.FieldExtractions",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.grpc_field_extraction.v3.GrpcFieldExtractionConfig",
        fields: &[(2, Field::Map(Some(141)))],
    },
    Shape {
        name: "envoy.extensions.filters.http.grpc_json_transcoder.v3.UnknownQueryParams",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        fields: &[(1, Field::Message(146))],
    },
    Shape {
        name: "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        fields: &[(1, Field::Message(146))],
    },
    Shape {
        name: "envoy.extensions.filters.http.header_mutation.v3.Mutations",
        fields: &[(3, Field::Message(41))],
    },
    Shape {
        name: "envoy.extensions.filters.http.health_check.v3.HealthCheck",
        fields: &[(4, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
        fields: &[(1, Field::Message(150)), (2, Field::Message(150))],
    },
    Shape {
        name: "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata.KeyValuePair",
        fields: &[(3, Field::Message(328))],
    },
    Shape {
        name: "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata.MatchRules",
        fields: &[(1, Field::Message(151))],
    },
    Shape {
        name: "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata.Rule",
        fields: &[
            (2, Field::Message(149)),
            (3, Field::Message(149)),
            (4, Field::Message(149)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.http.jwt_authn.v3.FilterStateRule",
        fields: &[(3, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        fields: &[
            (1, Field::Map(None)),
            (3, Field::Message(152)),
            (5, Field::Map(None)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.http.lua.v3.Lua",
        fields: &[(2, Field::Map(None)), (6, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.filters.http.lua.v3.LuaPerRoute",
        fields: &[(4, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.filters.http.oauth2.v3.OAuth2",
        fields: &[(1, Field::Message(157))],
    },
    Shape {
        name: "envoy.extensions.filters.http.oauth2.v3.OAuth2Config",
        fields: &[(3, Field::Message(158))],
    },
    Shape {
        name: "envoy.extensions.filters.http.oauth2.v3.OAuth2Credentials",
        fields: &[(2, Field::Message(267)), (3, Field::Message(267))],
    },
    Shape {
        name: "envoy.extensions.filters.http.oauth2.v3.OAuth2PerRoute",
        fields: &[(1, Field::Message(157))],
    },
    Shape {
        name: "envoy.extensions.filters.http.on_demand.v3.OnDemand",
        fields: &[(1, Field::Message(161))],
    },
    Shape {
        name: "envoy.extensions.filters.http.on_demand.v3.OnDemandCds",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.filters.http.on_demand.v3.PerRouteConfig",
        fields: &[(1, Field::Message(161))],
    },
    Shape {
        name: "envoy.extensions.filters.http.proto_api_scrubber.v3.MessageRestrictions",
        fields: &[(1, Field::Message(166)), (2, Field::Map(Some(166)))],
    },
    Shape {
        name: "envoy.extensions.filters.http.proto_api_scrubber.v3.MethodRestrictions",
        fields: &[
            (1, Field::Map(Some(166))),
            (2, Field::Map(Some(166))),
            (3, Field::Message(166)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.http.proto_api_scrubber.v3.ProtoApiScrubberConfig",
        fields: &[(2, Field::Message(167))],
    },
    Shape {
        name: "envoy.extensions.filters.http.proto_api_scrubber.v3.RestrictionConfig",
        fields: &[(1, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.filters.http.proto_api_scrubber.v3.Restrictions",
        fields: &[(1, Field::Map(Some(164))), (2, Field::Map(Some(163)))],
    },
    Shape {
        name: "envoy.extensions.filters.http.proto_message_extraction.v3.MethodExtraction",
        fields: &[(2, Field::Map(None)), (3, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.proto_message_extraction.v3.ProtoMessageExtractionConfig",
        fields: &[(4, Field::Map(Some(168)))],
    },
    Shape {
        name: "envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings",
        fields: &[(1, Field::Message(171))],
    },
    Shape {
        name: "envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings.BucketIdBuilder",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaFilterConfig",
        fields: &[(1, Field::Message(35)), (3, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaOverride",
        fields: &[(2, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.filters.http.ratelimit.v3.RateLimit",
        fields: &[(7, Field::Message(65))],
    },
    Shape {
        name: "envoy.extensions.filters.http.rbac.v3.RBAC",
        fields: &[
            (1, Field::Message(67)),
            (2, Field::Message(67)),
            (4, Field::Message(338)),
            (5, Field::Message(338)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
        fields: &[(2, Field::Message(175))],
    },
    Shape {
        name: "envoy.extensions.filters.http.router.v3.Router",
        fields: &[(8, Field::Message(209))],
    },
    Shape {
        name: "envoy.extensions.filters.http.set_filter_state.v3.Config",
        fields: &[(1, Field::Message(120))],
    },
    Shape {
        name: "envoy.extensions.filters.http.set_metadata.v3.Config",
        fields: &[(2, Field::Message(327)), (3, Field::Message(180))],
    },
    Shape {
        name: "envoy.extensions.filters.http.set_metadata.v3.Metadata",
        fields: &[(3, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.filters.http.tap.v3.Tap",
        fields: &[(1, Field::Message(117))],
    },
    Shape {
        name: "envoy.extensions.filters.http.thrift_to_metadata.v3.KeyValuePair",
        fields: &[(3, Field::Message(328))],
    },
    Shape {
        name: "envoy.extensions.filters.http.thrift_to_metadata.v3.Rule",
        fields: &[(4, Field::Message(182)), (5, Field::Message(182))],
    },
    Shape {
        name: "envoy.extensions.filters.http.thrift_to_metadata.v3.ThriftToMetadata",
        fields: &[(1, Field::Message(183)), (2, Field::Message(183))],
    },
    Shape {
        name: "envoy.extensions.filters.http.thrift_to_metadata.v3.ThriftToMetadataPerRoute",
        fields: &[(1, Field::Message(183)), (2, Field::Message(183))],
    },
    Shape {
        name: "envoy.extensions.filters.http.transform.v3.BodyTransformation",
        fields: &[(1, Field::Message(47))],
    },
    Shape {
        name: "envoy.extensions.filters.http.transform.v3.TransformConfig",
        fields: &[(1, Field::Message(188)), (2, Field::Message(188))],
    },
    Shape {
        name: "envoy.extensions.filters.http.transform.v3.Transformation",
        fields: &[(2, Field::Message(186))],
    },
    Shape {
        name: "envoy.extensions.filters.http.wasm.v3.Wasm",
        fields: &[(1, Field::Message(273))],
    },
    Shape {
        name: "envoy.extensions.filters.listener.set_filter_state.v3.Config",
        fields: &[(1, Field::Message(120))],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.Drds",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy",
        fields: &[
            (4, Field::Message(197)),
            (6, Field::Message(191)),
            (7, Field::Message(194)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.MethodMatch",
        fields: &[(2, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.MultipleRouteConfiguration",
        fields: &[(4, Field::Message(197))],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.Route",
        fields: &[(1, Field::Message(198)), (2, Field::Message(196))],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.RouteAction",
        fields: &[(2, Field::Message(78)), (3, Field::Message(43))],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.RouteConfiguration",
        fields: &[(5, Field::Message(195))],
    },
    Shape {
        name: "envoy.extensions.filters.network.dubbo_proxy.v3.RouteMatch",
        fields: &[(1, Field::Message(193))],
    },
    Shape {
        name: "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
        fields: &[(2, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.filters.network.ext_proc.v3.NetworkExternalProcessor",
        fields: &[(1, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.filters.network.generic_proxy.action.v3.RouteAction",
        fields: &[
            (2, Field::Message(78)),
            (3, Field::Message(43)),
            (4, Field::Map(None)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.network.generic_proxy.v3.GenericProxy",
        fields: &[(3, Field::Message(203)), (4, Field::Message(204))],
    },
    Shape {
        name: "envoy.extensions.filters.network.generic_proxy.v3.GenericRds",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.filters.network.generic_proxy.v3.RouteConfiguration",
        fields: &[(2, Field::Message(338)), (3, Field::Message(205))],
    },
    Shape {
        name: "envoy.extensions.filters.network.generic_proxy.v3.VirtualHost",
        fields: &[(3, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.EnvoyMobileHttpConnectionManager",
        fields: &[(1, Field::Message(207))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        fields: &[
            (3, Field::Message(211)),
            (4, Field::Message(73)),
            (5, Field::Message(209)),
            (23, Field::Message(208)),
            (31, Field::Message(215)),
            (38, Field::Message(210)),
            (60, Field::Message(338)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
        fields: &[(2, Field::Message(209))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
        fields: &[(5, Field::Message(34))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig",
        fields: &[(1, Field::Message(212)), (2, Field::Message(47))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.Rds",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper",
        fields: &[(4, Field::Message(47))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRds",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRouteConfigurationsList",
        fields: &[(1, Field::Message(75))],
    },
    Shape {
        name: "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes",
        fields: &[
            (3, Field::Message(31)),
            (4, Field::Message(214)),
            (5, Field::Message(213)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.network.ratelimit.v3.RateLimit",
        fields: &[(6, Field::Message(65))],
    },
    Shape {
        name: "envoy.extensions.filters.network.rbac.v3.RBAC",
        fields: &[
            (1, Field::Message(67)),
            (2, Field::Message(67)),
            (6, Field::Message(338)),
            (7, Field::Message(338)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.network.redis_proxy.v3.RedisExternalAuthProvider",
        fields: &[(1, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.filters.network.redis_proxy.v3.RedisProxy",
        fields: &[(10, Field::Message(218))],
    },
    Shape {
        name: "envoy.extensions.filters.network.reverse_tunnel.v3.DrainAwareHttpConnectionManager",
        fields: &[(1, Field::Message(207))],
    },
    Shape {
        name: "envoy.extensions.filters.network.set_filter_state.v3.Config",
        fields: &[
            (1, Field::Message(120)),
            (2, Field::Message(120)),
            (3, Field::Message(120)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        fields: &[
            (9, Field::Message(43)),
            (10, Field::Message(224)),
            (14, Field::Message(223)),
            (19, Field::Message(48)),
        ],
    },
    Shape {
        name: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.OnDemand",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster",
        fields: &[(1, Field::Message(225))],
    },
    Shape {
        name: "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight",
        fields: &[(3, Field::Message(43))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.filters.ratelimit.v3.RateLimit",
        fields: &[(5, Field::Message(65))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.v3.Route",
        fields: &[(2, Field::Message(228))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.v3.RouteAction",
        fields: &[(2, Field::Message(232)), (3, Field::Message(43))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.v3.RouteConfiguration",
        fields: &[(2, Field::Message(227))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy",
        fields: &[(4, Field::Message(229)), (8, Field::Message(231))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.v3.Trds",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.v3.WeightedCluster",
        fields: &[(1, Field::Message(233))],
    },
    Shape {
        name: "envoy.extensions.filters.network.thrift_proxy.v3.WeightedCluster.ClusterWeight",
        fields: &[(3, Field::Message(43))],
    },
    Shape {
        name: "envoy.extensions.filters.network.wasm.v3.Wasm",
        fields: &[(1, Field::Message(273))],
    },
    Shape {
        name: "envoy.extensions.filters.udp.udp_proxy.session.ext_authz.v3.FilterConfig",
        fields: &[(2, Field::Message(35))],
    },
    Shape {
        name: "envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
        fields: &[(9, Field::Message(338)), (11, Field::Message(237))],
    },
    Shape {
        name: "envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig.SessionFilter",
        fields: &[(3, Field::Message(34))],
    },
    Shape {
        name: "envoy.extensions.formatter.generic_secret.v3.GenericSecret",
        fields: &[(1, Field::Map(Some(267)))],
    },
    Shape {
        name: "envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy",
        fields: &[(2, Field::Message(47))],
    },
    Shape {
        name: "envoy.extensions.http.ext_proc.processing_request_modifiers.mapped_attribute_builder.v3.MappedAttributeBuilder",
        fields: &[(1, Field::Map(None)), (2, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.http.injected_credentials.generic.v3.Generic",
        fields: &[(1, Field::Message(267))],
    },
    Shape {
        name: "envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2",
        fields: &[(3, Field::Message(243))],
    },
    Shape {
        name: "envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2.ClientCredentials",
        fields: &[(2, Field::Message(267))],
    },
    Shape {
        name: "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin",
        fields: &[(9, Field::Message(245))],
    },
    Shape {
        name: "envoy.extensions.load_balancing_policies.common.v3.OrcaOobReportingConfig",
        fields: &[(3, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.load_balancing_policies.subset.v3.Subset",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.extensions.quic.connection_id_generator.quic_lb.v3.Config",
        fields: &[(5, Field::Message(267))],
    },
    Shape {
        name: "envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig",
        fields: &[(1, Field::Message(43))],
    },
    Shape {
        name: "envoy.extensions.router.cluster_specifiers.dynamic_modules.v3.DynamicModuleClusterSpecifier",
        fields: &[(4, Field::Map(Some(250)))],
    },
    Shape {
        name: "envoy.extensions.router.cluster_specifiers.dynamic_modules.v3.RouteActionOverride",
        fields: &[(2, Field::Message(43))],
    },
    Shape {
        name: "envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier",
        fields: &[(1, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig",
        fields: &[(1, Field::Message(35)), (8, Field::Message(338))],
    },
    Shape {
        name: "envoy.extensions.stat_sinks.wasm.v3.Wasm",
        fields: &[(1, Field::Message(273))],
    },
    Shape {
        name: "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.tracers.opentelemetry.samplers.v3.CELSamplerConfig",
        fields: &[(1, Field::Message(344))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        fields: &[(1, Field::Message(46))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport",
        fields: &[(1, Field::Message(265))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.quic.v3.QuicUpstreamTransport",
        fields: &[(1, Field::Message(269))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.starttls.v3.StartTlsConfig",
        fields: &[(2, Field::Message(265))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.starttls.v3.UpstreamStartTlsConfig",
        fields: &[(2, Field::Message(269))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tap.v3.Tap",
        fields: &[(1, Field::Message(117))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config",
        fields: &[(1, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext",
        fields: &[
            (6, Field::Message(267)),
            (7, Field::Message(267)),
            (8, Field::Message(264)),
        ],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext",
        fields: &[(2, Field::Message(267))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        fields: &[(1, Field::Message(263)), (5, Field::Message(267))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.v3.GenericSecret",
        fields: &[(2, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig",
        fields: &[(2, Field::Message(31))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.v3.Secret",
        fields: &[(5, Field::Message(266))],
    },
    Shape {
        name: "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        fields: &[(1, Field::Message(263))],
    },
    Shape {
        name: "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        fields: &[(6, Field::Message(209))],
    },
    Shape {
        name: "envoy.extensions.wasm.v3.CapabilityRestrictionConfig",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.wasm.v3.EnvironmentVariables",
        fields: &[(2, Field::Map(None))],
    },
    Shape {
        name: "envoy.extensions.wasm.v3.PluginConfig",
        fields: &[(3, Field::Message(274)), (6, Field::Message(271))],
    },
    Shape {
        name: "envoy.extensions.wasm.v3.VmConfig",
        fields: &[(7, Field::Message(272)), (8, Field::Message(271))],
    },
    Shape {
        name: "envoy.extensions.wasm.v3.WasmService",
        fields: &[(1, Field::Message(273))],
    },
    Shape {
        name: "envoy.service.accesslog.v3.StreamAccessLogsMessage",
        fields: &[
            (1, Field::Message(278)),
            (2, Field::Message(277)),
            (3, Field::Message(279)),
        ],
    },
    Shape {
        name: "envoy.service.accesslog.v3.StreamAccessLogsMessage.HTTPAccessLogEntries",
        fields: &[(1, Field::Message(91))],
    },
    Shape {
        name: "envoy.service.accesslog.v3.StreamAccessLogsMessage.Identifier",
        fields: &[(1, Field::Message(44))],
    },
    Shape {
        name: "envoy.service.accesslog.v3.StreamAccessLogsMessage.TCPAccessLogEntries",
        fields: &[(1, Field::Message(94))],
    },
    Shape {
        name: "envoy.service.auth.v3.AttributeContext",
        fields: &[
            (1, Field::Message(282)),
            (2, Field::Message(282)),
            (4, Field::Message(283)),
            (10, Field::Map(None)),
            (11, Field::Message(43)),
            (13, Field::Message(43)),
        ],
    },
    Shape {
        name: "envoy.service.auth.v3.AttributeContext.HttpRequest",
        fields: &[(3, Field::Map(None))],
    },
    Shape {
        name: "envoy.service.auth.v3.AttributeContext.Peer",
        fields: &[(3, Field::Map(None))],
    },
    Shape {
        name: "envoy.service.auth.v3.AttributeContext.Request",
        fields: &[(2, Field::Message(281))],
    },
    Shape {
        name: "envoy.service.auth.v3.CheckRequest",
        fields: &[(1, Field::Message(280))],
    },
    Shape {
        name: "envoy.service.auth.v3.CheckResponse",
        fields: &[(3, Field::Message(286)), (4, Field::Message(327))],
    },
    Shape {
        name: "envoy.service.auth.v3.OkHttpResponse",
        fields: &[(3, Field::Message(327))],
    },
    Shape {
        name: "envoy.service.discovery.v3.DeltaDiscoveryRequest",
        fields: &[
            (1, Field::Message(44)),
            (5, Field::Map(None)),
            (8, Field::Message(291)),
            (9, Field::Message(291)),
        ],
    },
    Shape {
        name: "envoy.service.discovery.v3.DeltaDiscoveryResponse",
        fields: &[(2, Field::Message(290))],
    },
    Shape {
        name: "envoy.service.discovery.v3.DiscoveryRequest",
        fields: &[(2, Field::Message(44)), (7, Field::Message(291))],
    },
    Shape {
        name: "envoy.service.discovery.v3.Resource",
        fields: &[(9, Field::Message(43))],
    },
    Shape {
        name: "envoy.service.discovery.v3.ResourceLocator",
        fields: &[(2, Field::Map(None))],
    },
    Shape {
        name: "envoy.service.event_reporting.v3.StreamEventsRequest",
        fields: &[(1, Field::Message(293))],
    },
    Shape {
        name: "envoy.service.event_reporting.v3.StreamEventsRequest.Identifier",
        fields: &[(1, Field::Message(44))],
    },
    Shape {
        name: "envoy.service.ext_proc.v3.HttpHeaders",
        fields: &[(2, Field::Map(Some(327)))],
    },
    Shape {
        name: "envoy.service.ext_proc.v3.ProcessingRequest",
        fields: &[
            (2, Field::Message(294)),
            (3, Field::Message(294)),
            (8, Field::Message(43)),
            (9, Field::Map(Some(327))),
        ],
    },
    Shape {
        name: "envoy.service.ext_proc.v3.ProcessingResponse",
        fields: &[
            (8, Field::Message(327)),
            (11, Field::Message(297)),
            (13, Field::Map(None)),
        ],
    },
    Shape {
        name: "envoy.service.ext_proc.v3.StreamedImmediateResponse",
        fields: &[(1, Field::Message(294))],
    },
    Shape {
        name: "envoy.service.health.v3.ClusterEndpointsHealth",
        fields: &[(2, Field::Message(305))],
    },
    Shape {
        name: "envoy.service.health.v3.ClusterHealthCheck",
        fields: &[(2, Field::Message(38)), (4, Field::Message(20))],
    },
    Shape {
        name: "envoy.service.health.v3.EndpointHealth",
        fields: &[(3, Field::Message(327))],
    },
    Shape {
        name: "envoy.service.health.v3.EndpointHealthResponse",
        fields: &[(1, Field::Message(300)), (2, Field::Message(298))],
    },
    Shape {
        name: "envoy.service.health.v3.HealthCheckRequest",
        fields: &[(1, Field::Message(44))],
    },
    Shape {
        name: "envoy.service.health.v3.HealthCheckRequestOrEndpointHealthResponse",
        fields: &[(1, Field::Message(302)), (2, Field::Message(301))],
    },
    Shape {
        name: "envoy.service.health.v3.HealthCheckSpecifier",
        fields: &[(1, Field::Message(299))],
    },
    Shape {
        name: "envoy.service.health.v3.LocalityEndpointsHealth",
        fields: &[(2, Field::Message(300))],
    },
    Shape {
        name: "envoy.service.load_stats.v3.LoadStatsRequest",
        fields: &[(1, Field::Message(44)), (2, Field::Message(50))],
    },
    Shape {
        name: "envoy.service.metrics.v3.StreamMetricsMessage",
        fields: &[(1, Field::Message(308))],
    },
    Shape {
        name: "envoy.service.metrics.v3.StreamMetricsMessage.Identifier",
        fields: &[(1, Field::Message(44))],
    },
    Shape {
        name: "envoy.service.network_ext_proc.v3.ProcessingRequest",
        fields: &[(3, Field::Message(43)), (4, Field::Map(Some(327)))],
    },
    Shape {
        name: "envoy.service.network_ext_proc.v3.ProcessingResponse",
        fields: &[(5, Field::Message(327))],
    },
    Shape {
        name: "envoy.service.rate_limit_quota.v3.BucketId",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "envoy.service.rate_limit_quota.v3.RateLimitQuotaResponse",
        fields: &[(1, Field::Message(313))],
    },
    Shape {
        name: "envoy.service.rate_limit_quota.v3.RateLimitQuotaResponse.BucketAction",
        fields: &[(1, Field::Message(311))],
    },
    Shape {
        name: "envoy.service.rate_limit_quota.v3.RateLimitQuotaUsageReports",
        fields: &[(2, Field::Message(315))],
    },
    Shape {
        name: "envoy.service.rate_limit_quota.v3.RateLimitQuotaUsageReports.BucketQuotaUsage",
        fields: &[(1, Field::Message(311))],
    },
    Shape {
        name: "envoy.service.ratelimit.v3.RateLimitResponse",
        fields: &[(6, Field::Message(327))],
    },
    Shape {
        name: "envoy.service.runtime.v3.Runtime",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "envoy.service.status.v3.ClientConfig",
        fields: &[(1, Field::Message(44))],
    },
    Shape {
        name: "envoy.service.status.v3.ClientStatusRequest",
        fields: &[(2, Field::Message(44))],
    },
    Shape {
        name: "envoy.service.status.v3.ClientStatusResponse",
        fields: &[(1, Field::Message(318))],
    },
    Shape {
        name: "envoy.service.tap.v3.StreamTapsRequest",
        fields: &[(1, Field::Message(322))],
    },
    Shape {
        name: "envoy.service.tap.v3.StreamTapsRequest.Identifier",
        fields: &[(1, Field::Message(44))],
    },
    Shape {
        name: "google.api.expr.v1alpha1.CheckedExpr",
        fields: &[
            (2, Field::Map(None)),
            (3, Field::Map(None)),
            (5, Field::Message(325)),
        ],
    },
    Shape {
        name: "google.api.expr.v1alpha1.ParsedExpr",
        fields: &[(3, Field::Message(325))],
    },
    Shape {
        name: "google.api.expr.v1alpha1.SourceInfo",
        fields: &[(4, Field::Map(None)), (5, Field::Map(None))],
    },
    Shape {
        name: "google.protobuf.ListValue",
        fields: &[(1, Field::Message(328))],
    },
    Shape {
        name: "google.protobuf.Struct",
        fields: &[(1, Field::Map(Some(328)))],
    },
    Shape {
        name: "google.protobuf.Value",
        fields: &[(5, Field::Message(327)), (6, Field::Message(326))],
    },
    Shape {
        name: "istio.networking.nds.v1.NameTable",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "istio.v1.auth.IstioCertificateRequest",
        fields: &[(4, Field::Message(327))],
    },
    Shape {
        name: "ratelimit.config.ratelimit.v3.RateLimitConfig",
        fields: &[(3, Field::Message(332))],
    },
    Shape {
        name: "ratelimit.config.ratelimit.v3.RateLimitDescriptor",
        fields: &[(4, Field::Message(332)), (8, Field::Message(327))],
    },
    Shape {
        name: "udpa.type.v1.TypedStruct",
        fields: &[(2, Field::Message(327))],
    },
    Shape {
        name: "xds.core.v3.CollectionEntry",
        fields: &[(1, Field::Message(336))],
    },
    Shape {
        name: "xds.core.v3.ContextParams",
        fields: &[(1, Field::Map(None))],
    },
    Shape {
        name: "xds.core.v3.ResourceLocator",
        fields: &[(5, Field::Message(335)), (6, Field::Message(337))],
    },
    Shape {
        name: "xds.core.v3.ResourceLocator.Directive",
        fields: &[(1, Field::Message(336))],
    },
    Shape {
        name: "xds.type.matcher.v3.Matcher",
        fields: &[
            (1, Field::Message(339)),
            (2, Field::Message(341)),
            (3, Field::Message(343)),
        ],
    },
    Shape {
        name: "xds.type.matcher.v3.Matcher.MatcherList",
        fields: &[(1, Field::Message(340))],
    },
    Shape {
        name: "xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher",
        fields: &[(2, Field::Message(343))],
    },
    Shape {
        name: "xds.type.matcher.v3.Matcher.MatcherTree",
        fields: &[(2, Field::Message(342)), (3, Field::Message(342))],
    },
    Shape {
        name: "xds.type.matcher.v3.Matcher.MatcherTree.MatchMap",
        fields: &[(1, Field::Map(Some(343)))],
    },
    Shape {
        name: "xds.type.matcher.v3.Matcher.OnMatch",
        fields: &[(1, Field::Message(338))],
    },
    Shape {
        name: "xds.type.v3.CelExpression",
        fields: &[
            (1, Field::Message(324)),
            (2, Field::Message(323)),
            (3, Field::Message(1)),
            (4, Field::Message(0)),
        ],
    },
    Shape {
        name: "xds.type.v3.CelExtractString",
        fields: &[(1, Field::Message(344))],
    },
    Shape {
        name: "xds.type.v3.TypedStruct",
        fields: &[(2, Field::Message(327))],
    },
];
