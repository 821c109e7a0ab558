/**
 * Every tool of forgejo-mcp 2.34.1, one a line: its name, what it does, the Forgejo scopes that it needs (all of them),
 * and a title for people. The scopes are those of the HTTP requests that each tool makes, tried with limited tokens.
 *
 * read    changes nothing
 * add     makes something new; twice makes two
 * put     adds or sets what can be taken back as easily; twice is the same as once
 * edit    overwrites; twice is the same as once
 * act     does what cannot simply be undone, or runs what we do not know
 * remove  takes away; twice is the same as once
 */
export const TOOL_ROWS = `
add_issue_dependency put write:issue Make an issue depend on another
add_issue_labels put write:issue Add labels to an issue
add_issue_time add write:issue Add time spent on an issue
add_team_member put write:organization Add a member to a team
add_team_repo put write:organization Give a team access to a repository
cancel_issue_stopwatch remove write:issue Discard a running stopwatch
check_notifications read read:notification Count unread notifications
check_org_membership read read:organization Check whether a user is a member of an organization
create_branch add write:repository Create a branch
create_branch_protection add write:repository Protect a branch
create_comment_attachment add write:issue Attach a file to a comment
create_file add write:repository Create a file
create_issue add write:issue Create an issue
create_issue_attachment add write:issue Attach a file to an issue
create_issue_comment add write:issue Comment on an issue or pull request
create_org add write:organization Create an organization
create_org_label add write:organization Create an organization label
create_org_team add write:organization Create a team
create_pull_request add write:repository Create a pull request
create_pull_review add write:repository Review a pull request
create_release add write:repository Create a release
create_release_attachment add write:repository Attach a file to a release
create_repo add write:organization,write:repository,write:user Create a repository
create_repo_hook add write:repository Create a webhook
create_repo_label add write:issue Create a label
create_review_requests put write:repository Request reviews of a pull request
create_wiki_page add write:repository Create a wiki page
delete_branch remove write:repository Delete a branch
delete_branch_protection remove write:repository Remove the protection of a branch
delete_comment_attachment remove write:issue Delete a file attached to a comment
delete_file remove write:repository Delete a file
delete_issue_attachment remove write:issue Delete a file attached to an issue
delete_issue_comment remove write:issue Delete a comment
delete_issue_time_entry remove write:issue Delete time spent on an issue
delete_org remove write:organization Delete an organization
delete_org_label remove read:issue,write:organization Delete an organization label
delete_pull_review remove write:repository Delete a review of a pull request
delete_release remove write:repository Delete a release
delete_release_attachment remove write:repository Delete a file attached to a release
delete_release_by_tag remove write:repository Delete the release of a tag
delete_repo_hook remove write:repository Delete a webhook
delete_repo_label remove write:issue Delete a label
delete_review_requests remove write:repository Withdraw review requests
delete_wiki_page remove write:repository Delete a wiki page
dismiss_pull_review edit write:repository Dismiss a review of a pull request
dispatch_workflow act write:repository Run a workflow
download_comment_attachment read read:issue Download a file attached to a comment
download_issue_attachment read read:issue Download a file attached to an issue
download_release_attachment read read:repository Download a file attached to a release
edit_branch_protection edit write:repository Change the protection of a branch
edit_comment_attachment edit write:issue Rename a file attached to a comment
edit_issue_attachment edit write:issue Rename a file attached to an issue
edit_issue_comment edit write:issue Edit a comment
edit_org edit write:organization Edit an organization
edit_org_label edit write:organization Edit an organization label
edit_release edit write:repository Edit a release
edit_release_attachment edit write:repository Rename a file attached to a release
edit_repo_hook edit write:repository Change a webhook
edit_repo_label edit write:issue Edit a label
fork_repo add write:repository Fork a repository
get_action_job_logs read read:repository Read the logs of a workflow job
get_branch_protection read read:repository Read the protection of a branch
get_comment_attachment read read:issue Look up a file attached to a comment
get_file_content read read:repository Read a file
get_forgejo_mcp_server_version read - Read the version of forgejo-mcp
get_issue_attachment read read:issue Look up a file attached to an issue
get_issue_by_index read read:issue Read an issue
get_issue_comment read read:issue Read a comment
get_latest_release read read:repository Read the latest release
get_my_user_info read read:user Read my profile
get_notification_thread read read:notification Read a notification
get_org read read:organization Read an organization
get_org_label read read:organization Read an organization label
get_pull_request_by_index read read:repository Read a pull request
get_pull_request_diff read read:repository Read the diff of a pull request
get_pull_review read read:repository Read a review of a pull request
get_release_attachment read read:repository Look up a file attached to a release
get_release_by_id read read:repository Read a release
get_release_by_tag read read:repository Read the release of a tag
get_repo_hook read read:repository Read a webhook
get_repo_label read read:issue Read a label
get_repo_tree read read:repository List all files of a repository
get_wiki_page read read:repository Read a wiki page
get_wiki_revisions read read:repository List the revisions of a wiki page
get_workflow_run read read:repository Read a workflow run
issue_state_change edit write:issue Close or reopen an issue
list_action_run_jobs read read:repository List the jobs of a workflow run
list_branch_protections read read:repository List protected branches
list_branches read read:repository List branches
list_comment_attachments read read:issue List the files attached to a comment
list_issue_attachments read read:issue List the files attached to an issue
list_issue_comments read read:issue List the comments on an issue
list_issue_dependencies read read:issue List what an issue depends on
list_issue_dependents read read:issue List what depends on an issue
list_issue_tracked_times read read:issue List time spent on an issue
list_my_orgs read read:organization,read:user List my organizations
list_my_repos read read:repository,read:user List my repositories
list_my_stopwatches read read:user List my running stopwatches
list_my_tracked_times read read:user List my tracked time
list_org_labels read read:organization List organization labels
list_org_members read read:organization List the members of an organization
list_org_teams read read:organization List the teams of an organization
list_pull_request_files read read:repository List the files that a pull request changes
list_pull_review_comments read read:repository List the comments of a review
list_pull_reviews read read:repository List the reviews of a pull request
list_release_attachments read read:repository List the files attached to a release
list_releases read read:repository List releases
list_repo_commits read read:repository List commits
list_repo_contents read read:repository List a directory
list_repo_hooks read read:repository List webhooks
list_repo_issues read read:issue List issues
list_repo_labels read read:issue,read:organization List labels
list_repo_milestones read read:issue List milestones
list_repo_notifications read read:notification List the notifications of a repository
list_repo_pull_requests read read:repository List pull requests
list_repo_tracked_times read read:repository List time tracked in a repository
list_user_orgs read read:organization,read:user List the organizations of a user
list_wiki_pages read read:repository List wiki pages
list_workflow_runs read read:repository List workflow runs
mark_all_notifications_read put write:notification Mark all notifications as read
mark_notification_read put write:notification Mark a notification as read
mark_repo_notifications_read put write:notification Mark the notifications of a repository as read
merge_pull_request act write:repository Merge a pull request
remove_issue_dependency remove write:issue Make an issue no longer depend on another
remove_issue_labels remove write:issue Remove labels from an issue
remove_org_member remove write:organization Remove a member from an organization
remove_team_member remove write:organization Remove a member from a team
remove_team_repo remove write:organization Take a team's access to a repository away
reset_issue_time remove write:issue Delete my time spent on an issue
search_issues read read:issue Search issues and pull requests
search_org_teams read read:organization Search the teams of an organization
search_repos read read:repository Search repositories
search_users read read:user Search users
start_issue_stopwatch put write:issue Start a stopwatch on an issue
stop_issue_stopwatch add write:issue Stop a stopwatch and record its time
submit_pull_review add write:repository Submit a pending review
test_repo_hook act write:repository Send a test delivery to a webhook
update_file edit write:repository Change a file
update_issue edit write:issue Edit an issue
update_pull_request edit write:repository Edit a pull request
update_wiki_page edit write:repository Edit a wiki page
`
