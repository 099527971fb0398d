package main

type configCmd struct{}

func (configCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	values := cfg.Values()
	return e.result(values, func() {
		rows := make([][]string, len(values))
		for i, v := range values {
			rows[i] = []string{v.Key, orDash(v.Value), v.Source}
		}
		e.table([]string{"key", "value", "from"}, rows)
		for _, w := range cfg.Warnings {
			e.say("note: %s", w)
		}
	})
}
