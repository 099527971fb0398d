// Package compose holds the cases that run docker-compose.yml for real: its own
// project name and free ports, and it removes only what it made.
package compose
