/*
 * One question to PAM. Called in a thread of net/workers.c; owns the handle for the call.
 *
 * The conversation answers every prompt that is not echoed with the client's password, and drops
 * what modules want to tell a human: there is no way to show it. Linux-PAM frees the answers with
 * free(), so they come from malloc, and it wipes them before.
 */
#include "net/ask_pam.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_PAM

#include <security/pam_appl.h>

static void release(struct pam_response *answers, int count)
{
	for (int i = 0; i < count; i++) {
		if (!answers[i].resp)
			continue;
		explicit_bzero(answers[i].resp, strlen(answers[i].resp));
		free(answers[i].resp);
	}
	free(answers);
}

/* False: the conversation cannot be held. */
static bool answer(const struct pam_question *question, const struct pam_message *message,
		   struct pam_response *response)
{
	switch (message->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		response->resp = strdup(question->password);
		return response->resp != NULL;
	case PAM_PROMPT_ECHO_ON:
		response->resp = strdup(question->user);
		return response->resp != NULL;
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO: return true;
	default: return false;
	}
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
		    void *context)
{
	struct pam_response *answers;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	answers = calloc((size_t)count, sizeof(*answers));
	if (!answers)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		if (answer(context, messages[i], &answers[i]))
			continue;
		release(answers, count);
		return PAM_CONV_ERR;
	}
	*responses = answers;
	return PAM_SUCCESS;
}

static int start(const struct pam_question *question, const struct pam_conv *conversation,
		 pam_handle_t **handle)
{
	if (!question->folder)
		return pam_start(question->service, question->user, conversation, handle);
	return pam_start_confdir(question->service, question->user, conversation, question->folder,
				 handle);
}

bool ask_pam_is_there(void)
{
	return true;
}

bool ask_pam(const struct pam_question *question, char *reason, size_t cap)
{
	const struct pam_conv conversation = { converse, (void *)question };
	const char *step = "pam_start";
	pam_handle_t *handle = NULL;
	int result = start(question, &conversation, &handle);

	if (result != PAM_SUCCESS) {
		snprintf(reason, cap, "%s: error %d", step, result);
		return false;
	}
	step = "pam_set_item";
	result = pam_set_item(handle, PAM_RHOST, question->host);
	if (result == PAM_SUCCESS) {
		step = "pam_authenticate";
		result = pam_authenticate(handle, PAM_SILENT);
	}
	if (result == PAM_SUCCESS) {
		step = "pam_acct_mgmt";
		result = pam_acct_mgmt(handle, PAM_SILENT);
	}
	if (result != PAM_SUCCESS)
		snprintf(reason, cap, "%s: %s", step, pam_strerror(handle, result));
	pam_end(handle, result);
	return result == PAM_SUCCESS;
}

#else

bool ask_pam_is_there(void)
{
	return false;
}

bool ask_pam(const struct pam_question *question, char *reason, size_t cap)
{
	(void)question;
	snprintf(reason, cap, "this build has no PAM");
	return false;
}

#endif
