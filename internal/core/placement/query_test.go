package placement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-ecs/trimtab/internal/core/placement"
)

// asked is the instance that the expressions are about.
func asked() placement.Bin {
	return placement.Bin{
		Name: "i-1", Kind: "m5.large", Zone: "us-east-1a", Tasks: map[string]int{"web": 2, "family:batch": 1, "gone": 0},
		Attributes:   map[string]string{"stack": "prod", "rack": "7", "empty": ""},
		RegisteredAt: time.Date(2018, 2, 13, 8, 0, 0, 0, time.UTC), AgentVersion: "1.14.5",
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expression string
		want       bool
	}{
		{"attribute:stack == prod", true},
		{"attribute:stack equals prod", true},
		{"attribute:stack==prod", true},
		{"attribute:stack == 'prod'", true},
		{`attribute:stack == "prod"`, true},
		{"attribute:stack == test", false},
		{"attribute:stack != test", true},
		{"attribute:stack not_equals prod", false},
		{"attribute:none == prod", false},
		{"attribute:none != prod", true},
		{"attribute:stack in [test, prod]", true},
		{"attribute:stack in [test,'prod']", true},
		{"attribute:stack !in [test, prod]", false},
		{"attribute:stack not_in [test]", true},
		{"attribute:none not_in [test]", true},
		{"attribute:stack exists", true},
		{"attribute:empty exists", true},
		{"attribute:none exists", false},
		{"attribute:none !exists", true},
		{"attribute:stack not_exists", false},
		{"attribute:rack > 6", true},
		{"attribute:rack > 10", false}, // as numbers, not as text
		{"attribute:rack >= 7", true},
		{"attribute:rack greater_than 7", false},
		{"attribute:rack less_than_equal 7", true},
		{"attribute:rack < 7", false},
		{"attribute:none < 7", false},
		{"attribute:stack < q", true},

		{"attribute:ecs.instance-type == m5.large", true},
		{"attribute:ecs.instance-type =~ m5.*", true},
		{"attribute:ecs.instance-type =~ m5", false}, // the whole value
		{"attribute:ecs.instance-type =~ m[56]\\.(large|xlarge)", true},
		{"attribute:ecs.instance-type !~ g2.*", true},
		{"attribute:ecs.instance-type not_matches m.*", false},
		{"attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true},
		{"attribute:ecs.instance-type =~ m5.* and attribute:ecs.availability-zone != us-east-1d", true},

		{"ec2InstanceId == i-1", true},
		{"ec2InstanceId in ['i-2', 'i-1']", true},
		{"ec2InstanceId !~ i-.*", false},
		{"agentConnected == true", true},
		{"agentConnected != true", false},
		{"agentVersion == 1.14.5", true},
		{"agentVersion < 1.14.5", false},
		{"agentVersion > 1.9.0", true},
		{"agentVersion < 1.15", true},
		{"registeredAt < 2018-02-14", true},
		{"registeredAt < 2018-02-13", false},
		{"registeredAt >= 2018-02-13T08:00:00Z", true},
		{"registeredAt == 2018-02-13T10:00:00+02:00", true},
		{"registeredAt <= 2018-02-13T07:59:59", false},
		{"runningTasksCount == 3", true},
		{"runningTasksCount < 3", false},
		{"runningTasksCount < 20", true},

		{"task:group == service:web", true},
		{"task:group == family:batch", true},
		{"task:group == service:gone", false},
		{"task:group == service:db", false},
		{"not(task:group == service:db)", true},
		{"task:group != service:web", false},
		{"task:group in [service:db, service:web]", true},
		{"task:group =~ service:.*", true},
		{"task:group exists", true},
		{"task:group !~ cron:.*", true},

		{"attribute:stack == test or attribute:stack == prod", true},
		{"attribute:stack == test || attribute:rack == 7 && attribute:none exists", false}, // and binds tighter
		{"(attribute:stack == prod || attribute:rack == 8) && attribute:rack == 8", false},
		{"attribute:stack == prod || attribute:rack == 8 && attribute:rack == 8", true},
		{"!(attribute:stack == test) and not attribute:none exists", true},
		{"not not attribute:stack == prod", true},
		{"((attribute:stack == prod))", true},
		{"\tattribute:stack\n==  prod ", true},
		{"attribute:notes exists", false}, // a word that begins like not
	}
	for _, tt := range tests {
		t.Run(tt.expression, func(t *testing.T) {
			t.Parallel()
			got, err := placement.Matches(tt.expression, asked())
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMatchesNamesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	tests := []struct{ expression, want string }{
		{"", "a subject, such as attribute:ecs.instance-type, is missing"},
		{"attribute: == a", `the subject "attribute:" is not known`},
		{"zone == a", `the subject "zone" is not known`},
		{"task:family == a", `the subject "task:family" is not known`},
		{"attribute:stack like prod", `the operator "like" of attribute:stack is not known`},
		{"attribute:stack !like prod", `the operator "!like" of attribute:stack is not known`},
		{"attribute:stack", `the operator "" of attribute:stack is not known`},
		{"attribute:stack ==", "an argument is missing"},
		{"attribute:stack == prod test", `"test" is not expected`},
		{"attribute:stack == 'prod", "the quote of \"'prod\" does not end"},
		{"attribute:stack in prod", "a list such as [a, b] is missing"},
		{"attribute:stack in [prod", "a , or ] is missing"},
		{"attribute:stack in [prod test]", `a , or ] is missing before "test]"`},
		{"attribute:stack in []", "an argument is missing"},
		{"(attribute:stack == prod", "a ) is missing"},
		{"attribute:stack == prod)", `")" is not expected`},
		{"attribute:stack == prod and", "a subject"},
		{"attribute:stack =~ (prod", `a ) is missing in "(prod"`}, // not(...) around it would end here
		{"runningTasksCount < few", `"few" is none`},
		{"runningTasksCount < 1.5", "a whole number"},
		{"attribute:stack =~ (?!test).*", "is not understood"}, // Java's, not Go's
		{"agentVersion in [1.0]", "the operator in is not one of agentVersion"},
		{"agentConnected > true", "the operator greater_than is not one of agentConnected"},
		{"registeredAt > yesterday", `"yesterday" is no time`},
		{"attribute:a == " + strings.Repeat("x", 2000), "has 2015 characters, ECS takes at most 2000"},
	}
	for _, tt := range tests {
		t.Run(tt.expression[:min(len(tt.expression), 40)], func(t *testing.T) {
			t.Parallel()
			ok, err := placement.Matches(tt.expression, asked())
			if ok || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want an error with %q", ok, err, tt.want)
			}
		})
	}
}

// What is not known of an instance is not guessed, in neither direction.
func TestMatchesOfANewInstance(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"registeredAt > 2018-01-01", "not(registeredAt > 2018-01-01)", "agentVersion > 1", "agentVersion != 1"} {
		if ok, err := placement.Matches(expression, placement.Bin{}); ok || err == nil || !strings.Contains(err.Error(), "of a new instance is not known") {
			t.Errorf("%s: got %v, %v", expression, ok, err)
		}
	}
}

// Whatever is read does not crash, is judged the same twice, and its opposite the
// opposite way.
func FuzzMatches(f *testing.F) {
	for _, seed := range []string{
		"attribute:stack == prod", "attribute:a in [a, 'b c', \"d\"]", "not(task:group == service:web) && runningTasksCount < 3",
		"(attribute:ecs.instance-type =~ m5.* or agentVersion >= 1.14.5) and registeredAt < 2018-02-13", "ec2InstanceId !in [i-1]", "!!(", "task:group !exists",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		ok, err := placement.Matches(expression, asked())
		again, errAgain := placement.Matches(expression, asked())
		if ok != again || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q: %v, %v and then %v, %v", expression, ok, err, again, errAgain)
		}
		if err != nil {
			if ok {
				t.Fatalf("%q holds although %v", expression, err)
			}
			return
		}
		if len(expression) > 1900 {
			return
		}
		if not, err := placement.Matches("not("+expression+")", asked()); err != nil || not == ok {
			t.Fatalf("%q: %v, its opposite %v, %v", expression, ok, not, err)
		}
	})
}
