-- Calls that cancel a refund that is short of funds, reverse who bears one, and move a storefront's own funds.
ALTER TABLE paifang.request
    DROP CONSTRAINT request_operation_check,
    DROP CONSTRAINT request_resource_check,
    ADD CONSTRAINT request_operation_check CHECK (operation IN ('create_intent', 'confirm_intent', 'capture_intent',
        'cancel_intent', 'create_refund', 'cancel_refund', 'reverse_refund', 'transfer_funds')),
    ADD CONSTRAINT request_resource_check CHECK (starts_with(resource, 'pi_') OR starts_with(resource, 're_')
        OR starts_with(resource, 'fm_'));
