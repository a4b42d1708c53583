package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/storage"
	"github.com/sre-sdk/sre/storage/etcd"
	"github.com/sre-sdk/sre/storage/postgres"
	"github.com/sre-sdk/sre/storage/sqlite"
)

// opening bounds how long the start waits for a store.
const opening = 30 * time.Second

// open opens the store that an address names. It repeats no address, which may
// hold a password.
func open(ctx context.Context, address string) (*storage.Store, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	if address == "" {
		address = "sqlite:pager.db"
	}
	kind, rest, _ := strings.Cut(address, ":")
	switch kind {
	case "sqlite":
		f, err := os.OpenFile(rest, os.O_RDWR|os.O_CREATE, 0o600) // only for its user
		if err != nil {
			return nil, nil, err
		}
		f.Close()
		db, err := sqlite.Open(ctx, rest, sqlite.Options{})
		if err != nil {
			return nil, nil, err
		}
		return storage.New(db), func() { db.Close() }, nil
	case "postgres", "postgresql":
		db, err := postgres.Open(ctx, address, postgres.Options{})
		if err != nil {
			return nil, nil, err
		}
		return storage.New(db), func() { db.Close() }, nil
	case "etcd", "etcds":
		config := clientv3.Config{Endpoints: strings.Split(strings.TrimPrefix(rest, "//"), ","), DialTimeout: opening,
			DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 3 * time.Second}
		if kind == "etcds" {
			config.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		client, err := clientv3.New(config)
		if err != nil {
			return nil, nil, err
		}
		db, err := etcd.Open(ctx, client, etcd.Options{})
		if err != nil {
			client.Close()
			return nil, nil, err
		}
		return storage.New(db), func() { db.Close(); client.Close() }, nil
	}
	return nil, nil, fmt.Errorf("pager: %w", sre.NewProblem("-store", "unknown_store", nil, "sqlite:FILE, postgres://... or etcd://HOST:PORT,..."))
}
