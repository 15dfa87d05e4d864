package serve

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics shows, beside those of the Go runtime and the process.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec   // route, code
	latencies *prometheus.HistogramVec // route
	trainings *prometheus.CounterVec   // result
	duration  prometheus.Histogram     // of trainings that went well
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "halfstep_requests_total",
			Help: "Requests answered, by route and status.",
		}, []string{"route", "code"}),
		latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "halfstep_request_seconds",
			Help:    "Time from the header of a request to its answer, by route.",
			Buckets: prometheus.ExponentialBuckets(250e-6, 2, 15), // 0.25 ms to 4.1 s
		}, []string{"route"}),
		trainings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "halfstep_trainings_total",
			Help: "Trainings ended, by result: ok, failed, canceled.",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "halfstep_training_seconds",
			Help:    "Time of loading, training and saving a model.",
			Buckets: prometheus.ExponentialBuckets(0.125, 2, 16), // 1/8 s to 68 min
		}),
	}
	for _, result := range []string{trainingOK, trainingFailed, trainingCanceled} {
		m.trainings.WithLabelValues(result) // 0 rather than missing
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.requests, m.latencies, m.trainings, m.duration)
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("halfstep_requests_in_flight", "Requests under /v1 that are worked on.",
		func() float64 { return float64(len(s.slots)) })
	gauge("halfstep_device_memory_bytes", "Memory that models hold on the device.",
		func() float64 { return float64(s.config.Device.Info().MemoryLive) })
	ofModel := func(name, help string, value func(*generation) float64) {
		gauge(name, help, func() float64 {
			if g := s.current.Load(); g != nil {
				return value(g)
			}
			return 0
		})
	}
	ofModel("halfstep_model_generation", "Models served since the start; 0 before the first.",
		func(g *generation) float64 { return float64(g.number) })
	ofModel("halfstep_model_trained_timestamp_seconds", "When the model was trained, in Unix time.",
		func(g *generation) float64 { return float64(g.trained.UnixMilli()) / 1e3 })
	ofModel("halfstep_model_users", "Users of the model.",
		func(g *generation) float64 { return float64(g.model.Users()) })
	ofModel("halfstep_model_items", "Items of the model.",
		func(g *generation) float64 { return float64(g.model.Items()) })
	return m
}

const (
	trainingOK       = "ok"
	trainingFailed   = "failed"
	trainingCanceled = "canceled"
)

// answered counts a request. Routes are a fixed set, so the series are few.
func (m *metrics) answered(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.latencies.WithLabelValues(route).Observe(took.Seconds())
}

// trained counts a training. One that the end of the service cut off is no
// failure.
func (m *metrics) trained(ctx context.Context, took time.Duration, err error) {
	switch {
	case err == nil:
		m.trainings.WithLabelValues(trainingOK).Inc()
		m.duration.Observe(took.Seconds())
	case ctx.Err() != nil:
		m.trainings.WithLabelValues(trainingCanceled).Inc()
	default:
		m.trainings.WithLabelValues(trainingFailed).Inc()
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
