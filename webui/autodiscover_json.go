package webui

import (
	"encoding/json"
	"net/http"
	"strings"
)

// autodiscoverJSON tells newer Outlooks where the XML service is. The address
// stands in the path, or in ?Email=; Protocol names what is looked for.
func (s *Server) autodiscoverJSON(w http.ResponseWriter, r *http.Request) {
	query := map[string]string{}
	for name, values := range r.URL.Query() {
		query[strings.ToLower(name)] = values[0]
	}
	text := r.PathValue("address")
	if text == "" {
		text = query["email"]
	}
	if text == "" {
		jsonFailed(w, "MandatoryParameterMissing", "A valid value must be provided for the query parameter 'Email'")
		return
	}
	if _, err := s.clientAddress(r, text); err != nil {
		s.refuse(w, r, err)
		return
	}
	switch strings.ToLower(query["protocol"]) {
	case "autodiscoverv1":
		writeJSON(w, http.StatusOK, map[string]string{"Protocol": "AutodiscoverV1", "Url": "https://" + s.Hostname + "/autodiscover/autodiscover.xml"})
	case "":
		jsonFailed(w, "MandatoryParameterMissing", "A valid value must be provided for the query parameter 'Protocol'")
	default:
		jsonFailed(w, "InvalidProtocol", "The given protocol value is invalid. Supported values are 'AutodiscoverV1'")
	}
}

// jsonFailed answers in the form that Outlook reads errors in.
func jsonFailed(w http.ResponseWriter, code, text string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"ErrorCode": code, "ErrorMessage": text})
}

func writeJSON(w http.ResponseWriter, status int, v map[string]string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away needs no answer
}
