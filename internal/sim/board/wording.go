package board

// wording is what the tables and sentences call what arrives.
type wording struct {
	noun      string
	violators string // those that violate the objective
	failed    string // that there were so many of them, as "fewer " or "2 % of the "
	sensor    string // whose violations ours are compared with
	oracle    string // what the oracle's cost is
	single    string // how the chosen points were played
}

// words gives the wording of the loads that were played.
func (b Board) words() wording {
	if b.Queue != nil {
		return wording{
			noun: "messages", violators: "messages that wait too long", failed: "let %smessages wait too long",
			sensor: "target tracking's of the backlog of a task", single: "messages sent at random",
			// 2.5 tasks' worth of messages that may wait is done by two tasks and a third now and then.
			oracle: "Of the oracle's cost, 1 is what whole tasks cost that spread every burst over the time that a message may wait; who lets all of them wait as long as they may can pay a little less.",
		}
	}
	return wording{
		noun: "requests", violators: "slow requests", failed: "was too slow for %srequests",
		sensor: "target tracking's with the same sensor", single: "request by request",
		oracle: "Of the oracle's cost, 1 is the least that anyone who knew the future could pay.",
	}
}
