package cli

import (
	"context"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/core/explain"
	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

// decideCmd runs the pure core.
type decideCmd struct {
	Input  string   `help:"JSON file with now and input, or a record of service explain --json (docs/decide.md); - for standard input." name:"input" placeholder:"FILE" required:""`
	Set    []string `help:"Decide as if one thing were otherwise, as checkout.targetValue=55, checkout.desired=12, checkout.overrides=none, stop=false or now=TIME; repeatable." name:"set" placeholder:"WHAT=VALUE" sep:"none"`
	Verify bool     `help:"Want a record, and fail unless it decides as recorded. A record is compared in any case."`
	Words  bool     `help:"Explain the decision in words in place of JSON."`
}

// Run prints the decision: the same bytes for the same input. A record is
// compared with what it recorded.
func (c decideCmd) Run(ctx context.Context, s *session) error {
	switch {
	case c.Words && s.json:
		return refused("--words and --json exclude each other: keep one")
	case c.Verify && len(c.Set) > 0:
		return refused("--verify and --set exclude each other: what is decided otherwise is not what was recorded")
	}
	src, err := s.read(ctx, c.Input, maxInput)
	if err != nil {
		return err
	}
	q, err := readQuestion(src)
	if err != nil {
		return refused("read %s: %w (docs/decide.md describes the input)", called(c.Input), err)
	}
	if err = q.check(); err == nil && c.Verify && q.record == nil {
		err = refused("--verify wants a record of service explain --json: now and input alone record no decision")
	}
	if err != nil {
		return refused("%s: %w (docs/decide.md describes the input)", called(c.Input), err)
	}
	d := q.decide()
	if len(c.Set) > 0 {
		return c.whatIf(s, q, d)
	}
	if err := c.print(s, q, d); err != nil || q.record == nil {
		return err
	}
	if err := q.record.verify(d); err != nil {
		return err
	}
	s.say("replays: the decision is the recorded one")
	return nil
}

func (c decideCmd) print(s *session, q question, d policy.Decision) error {
	if c.Words {
		s.printf("%s", explain.Decision(d, q.Input))
		return nil
	}
	return s.printJSON(d)
}

// whatIf prints what would be decided if something were otherwise, with --words
// beside what was.
func (c decideCmd) whatIf(s *session, q question, was policy.Decision) error {
	moved, err := q.with(c.Set)
	if err != nil {
		return err
	}
	if q.record != nil {
		if err := q.record.verify(was); err != nil {
			s.say("note: %v", err)
		}
	}
	d := moved.decide()
	if !c.Words {
		return s.printJSON(d)
	}
	head, what := "as given", strings.Join(c.Set, ", ")
	if q.record != nil {
		head = "recorded"
	}
	s.printf("%s:\n%s\nwith %s:\n%s\ndifference: %s\n", head, explain.Decision(was, q.Input), what, explain.Decision(d, moved.Input), difference(was, d))
	return nil
}
