package dynamoledger

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/trimtab-ecs/trimtab/internal/core/fleet"
	"github.com/trimtab-ecs/trimtab/internal/ledger"
)

// Clusters lists the clusters that have rows, sorted.
func (l *Ledger) Clusters(ctx context.Context) ([]fleet.ClusterName, error) {
	var found []fleet.ClusterName
	err := l.query(ctx, "list clusters", l.partition(pkClusters), func(i item) (bool, error) {
		rows, err := numberOf(i, attrRows)
		if rows > 0 {
			found = append(found, fleet.ClusterName(textOf(i, attrSK)))
		}
		return true, err
	})
	slices.Sort(found)
	return found, err
}

// Read gives everything of one cluster. A row that cannot be understood is an
// error for the whole of it: whoever decides without it would decide on less
// than is known.
func (l *Ledger) Read(ctx context.Context, cluster fleet.ClusterName) (ledger.Cluster, error) {
	c := ledger.Cluster{Name: cluster}
	err := l.query(ctx, "read cluster "+string(cluster), l.partition(pkCluster+string(cluster)), func(i item) (bool, error) {
		sk := textOf(i, attrSK)
		if sk == skControl {
			return true, read(i, attrControl, &c.Control)
		}
		if id, ok := strings.CutPrefix(sk, skDrain); ok {
			drain, err := decodeDrain(i)
			if err != nil {
				return false, fmt.Errorf("the drain of %s is not understood: %w; remove the item, after a look at the instance", id, err)
			}
			c.Drains = append(c.Drains, drain)
			return true, nil
		}
		t, ok := targetOf(cluster, sk)
		if !ok {
			return true, nil // of another part of Trimtab
		}
		r, err := decodeRow(t, i)
		if err != nil {
			return false, fmt.Errorf("the row of %s is not understood: %w; apply its policy again with this version, or remove the item", t, err)
		}
		c.Rows = append(c.Rows, r)
		return true, nil
	})
	if err != nil {
		return ledger.Cluster{}, err
	}
	// The drains come by their keys, which sort as their instances do.
	slices.SortFunc(c.Rows, func(a, b ledger.Row) int { return a.Target.Compare(b.Target) })
	return c, nil
}

// Records gives the records of a target, newest first.
func (l *Ledger) Records(ctx context.Context, t fleet.Target, before time.Time, limit int) ([]ledger.Record, error) {
	op := "read records of " + t.String()
	if err := ledger.CheckTarget(t); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if limit < 1 {
		return nil, fmt.Errorf("%s: limit %d must be at least 1", op, limit)
	}
	q := l.partition(pkDecision + t.String())
	q.ScanIndexForward = aws.Bool(false)
	q.Limit = aws.Int32(int32(min(limit, math.MaxInt32)))
	if !before.IsZero() {
		// Keys at that very time go on with "#", so they sort behind it.
		q.KeyConditionExpression = aws.String("#pk = :pk AND #sk < :before")
		q.ExpressionAttributeNames["#sk"] = attrSK
		q.ExpressionAttributeValues[":before"] = text(stamp(before))
	}
	var found []ledger.Record
	err := l.query(ctx, op, q, func(i item) (bool, error) {
		r, err := decodeRecord(i)
		if err != nil {
			return false, fmt.Errorf("the record %s is not understood: %w", textOf(i, attrSK), err)
		}
		found = append(found, r)
		return len(found) < limit, nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// partition asks for everything under one partition key, consistently.
func (l *Ledger) partition(pk string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 &l.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK},
		ExpressionAttributeValues: item{":pk": text(pk)},
	}
}

// query gives every item of every page to use, until that says false.
func (l *Ledger) query(ctx context.Context, op string, in *dynamodb.QueryInput, use func(item) (more bool, err error)) error {
	for {
		var page *dynamodb.QueryOutput
		if err := l.insist(ctx, op, func(ctx context.Context) (err error) {
			page, err = l.client.Query(ctx, in)
			return err
		}); err != nil {
			return l.explain(op, err)
		}
		for _, i := range page.Items {
			more, err := use(i)
			if err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
			if !more {
				return nil
			}
		}
		if len(page.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = page.LastEvaluatedKey
	}
}

// floor reads the cluster's floor: no generation that was removed is above it.
func (l *Ledger) floor(ctx context.Context, cluster fleet.ClusterName) (int64, error) {
	op := "read index of cluster " + string(cluster)
	q := l.partition(pkClusters)
	q.KeyConditionExpression = aws.String("#pk = :pk AND #sk = :sk")
	q.ExpressionAttributeNames["#sk"] = attrSK
	q.ExpressionAttributeValues[":sk"] = text(string(cluster))
	var floor int64
	err := l.query(ctx, op, q, func(i item) (_ bool, err error) {
		floor, err = numberOf(i, attrFloor)
		return true, err
	})
	return floor, err
}

// fetch reads items by their keys, as they are at one instant; a missing one is empty.
func (l *Ledger) fetch(ctx context.Context, op string, keys []item) ([]item, error) {
	in := &dynamodb.TransactGetItemsInput{}
	for _, k := range keys {
		in.TransactItems = append(in.TransactItems, types.TransactGetItem{Get: &types.Get{Key: k, TableName: &l.table}})
	}
	var out *dynamodb.TransactGetItemsOutput
	if err := l.insist(ctx, op, func(ctx context.Context) (err error) {
		out, err = l.client.TransactGetItems(ctx, in)
		return err
	}); err != nil {
		return nil, l.explain(op, err)
	}
	found := make([]item, len(keys))
	for i, r := range out.Responses {
		found[i] = r.Item
	}
	return found, nil
}
