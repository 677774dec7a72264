"""Grafana's dashboards as code: `make dashboards` writes them to `deploy/k8s/grafana`."""
