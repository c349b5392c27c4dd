//! What the server counts about itself, for `GET /metrics`.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper ends in seconds of the buckets that durations are counted in: half a millisecond, where
/// answers without an fsync lie, up to a client's patience.
const BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// Counters that are counted where things happen, and gauges that are read when somebody asks.
pub(crate) struct Telemetry {
    registry: Registry,
    exchanges: Family<ExchangeLabels, Counter>,
    durations: Family<RouteLabel, Histogram, fn() -> Histogram>,
    pub(crate) shed: Counter,
    pub(crate) rate_limited: Counter,
    pub(crate) wrong_keys: Counter,
    pub(crate) log_failures: Counter,
    pub(crate) model_swaps: Counter,
    pub(crate) connections_displaced: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) connections_stalled: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) gauges: Gauges,
}

/// What is looked up at the moment of a scrape.
pub(crate) struct Gauges {
    pub(crate) connections: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) model_version: Gauge,
    pub(crate) model_trouble: Gauge,
    pub(crate) log_records: Gauge,
    pub(crate) log_dead_letters: Gauge,
    pub(crate) mongodb_up: Gauge,
    pub(crate) mongodb_shipped: Gauge<u64, AtomicU64>,
    pub(crate) mongodb_failures: Gauge<u64, AtomicU64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ExchangeLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

impl Telemetry {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("xtream");
        let exchanges = Family::<ExchangeLabels, Counter>::default();
        registry.register("exchanges", "Requests answered, by what they asked and got", exchanges.clone());
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS_S);
        let durations = Family::new_with_constructor(histogram);
        registry.register(
            "exchange_duration_seconds",
            "Time from a request's head to its recorded answer",
            durations.clone(),
        );
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let shed = counter("shed", "Requests answered 503 because too many were under way");
        let rate_limited = counter("rate_limited", "Requests answered 429");
        let wrong_keys = counter("wrong_keys", "Requests with a wrong administrator's key");
        let log_failures =
            counter("log_failures", "Exchanges that could not be recorded and were answered 503");
        let model_swaps = counter("model_swaps", "Changes of the model that answers");
        let connections_displaced =
            counter("connections_displaced", "Waiting connections ended to make room for new ones");
        let connections_refused =
            counter("connections_refused", "New connections ended at once because all others were busy");
        let connections_stalled =
            counter("connections_stalled", "Connections ended because the client took no bytes");
        let unreadable = counter(
            "unreadable",
            "What came in and was no request in HTTP, or did not come to the end of its head",
        );
        let gauges = Gauges::new(&mut registry);
        Self {
            registry,
            exchanges,
            durations,
            shed,
            rate_limited,
            wrong_keys,
            log_failures,
            model_swaps,
            connections_displaced,
            connections_refused,
            connections_stalled,
            unreadable,
            gauges,
        }
    }

    /// Counts one answer. `route` is the pattern of the route table; a path that a client made up
    /// would be one more series for each of its ideas.
    pub(crate) fn count(&self, method: &str, route: Option<&str>, status: u16, duration: Duration) {
        const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        let route = route.unwrap_or("none").to_owned();
        self.durations.get_or_create(&RouteLabel { route: route.clone() }).observe(duration.as_secs_f64());
        self.exchanges.get_or_create(&ExchangeLabels { method, route, status }).inc();
    }

    /// All of it in the OpenMetrics text format that Prometheus reads.
    ///
    /// # Errors
    /// Only if a metric cannot be written as text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

impl Gauges {
    fn new(registry: &mut Registry) -> Self {
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let connections = gauge("connections", "Open connections");
        let in_flight = gauge("in_flight", "Requests under way");
        let model_version = gauge("model_version", "Version of the model that answers; 0 for none");
        let model_trouble = gauge("model_trouble", "1 while the registry's champion cannot answer");
        let log_records = gauge("log_records", "Exchanges in the local log");
        let log_dead_letters = gauge("log_dead_letters", "Exchanges that MongoDB refused for good");
        let mongodb_up = gauge("mongodb_up", "1 while MongoDB takes exchanges; 0 also without one");
        let mut total = |name: &str, help: &str| {
            let gauge = Gauge::<u64, AtomicU64>::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let mongodb_shipped = total("mongodb_shipped", "Exchanges shipped since the start");
        let mongodb_failures = total("mongodb_failures", "Attempts to ship that failed since the start");
        Self {
            connections,
            in_flight,
            model_version,
            model_trouble,
            log_records,
            log_dead_letters,
            mongodb_up,
            mongodb_shipped,
            mongodb_failures,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn answers_are_counted_by_route_and_never_by_what_a_client_made_up() {
        let telemetry = Telemetry::new();
        telemetry.count("POST", Some("/v1/valuations"), 200, Duration::from_millis(3));
        telemetry.count("POST", Some("/v1/valuations"), 200, Duration::from_millis(30));
        telemetry.count("BREW", None, 404, Duration::ZERO);
        let text = telemetry.text().unwrap();
        for line in [
            "xtream_exchanges_total{method=\"POST\",route=\"/v1/valuations\",status=\"200\"} 2",
            "xtream_exchanges_total{method=\"other\",route=\"none\",status=\"404\"} 1",
            "xtream_exchange_duration_seconds_bucket{le=\"0.005\",route=\"/v1/valuations\"} 1",
            "xtream_exchange_duration_seconds_count{route=\"/v1/valuations\"} 2",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
